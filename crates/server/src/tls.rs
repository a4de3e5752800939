//! TLS towards clients: which certificate, which clients, for how long a session lasts.

mod certificates;
mod material;
mod names;
mod store;

pub use certificates::Certificates;
pub use material::TlsMaterial;
pub use store::CertificateStore;
