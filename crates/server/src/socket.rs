//! Listening sockets, one per worker on one port.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 4096;

/// Binds `count` sockets to `address`; with port 0 the first one chooses for all.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let first = bind_one(address)?;
    let address = first.local_addr()?;
    let others = (1..count).map(|_| bind_one(address));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// Sockets that listen already, at least `count` of them: those that are missing share the queue
/// of another one. None is left out, or whoever waits in its queue would wait in vain.
pub(crate) fn share(sockets: Vec<TcpListener>, count: usize) -> io::Result<Vec<TcpListener>> {
    let missing = count.saturating_sub(sockets.len());
    let more = sockets.iter().cycle().take(missing);
    let more: Vec<_> = more.map(TcpListener::try_clone).collect::<Result<_, _>>()?;
    Ok(sockets.into_iter().chain(more).collect())
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
