//! Listening sockets go from a running process to the one that takes its place, over a Unix
//! socket. Both belong to the same user, which the kernel vouches for.
//!
//! The running process sends a byte with each socket, and one without behind the last. The new
//! process answers with a byte as soon as it serves them: only then the old one drains.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt,
};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::runtime;

use crate::shutdown::Shutdown;

/// Goes with a socket.
const SOCKET: u8 = b'S';
/// Comes behind the last socket.
const END: u8 = b'E';
/// The answer: the sockets are served.
const SERVED: u8 = b'R';

/// Sockets that one process may give another.
const MOST: usize = 1024;

/// How long the running process may take to give its sockets.
const GIVING: Duration = Duration::from_secs(5);

/// How long the new process may take until it serves.
const STARTING: Duration = Duration::from_mins(1);

/// The running process, met by the one that takes its place.
#[derive(Debug)]
pub(crate) struct Predecessor {
    link: UnixStream,
    pub(crate) listeners: Vec<TcpListener>,
}

impl Predecessor {
    /// Takes the sockets of the process that offers them at `path`. `None` when none does.
    ///
    /// # Errors
    /// When somebody else than a process of the same user offers, or something else than
    /// listening sockets.
    pub(crate) fn meet(path: &Path) -> io::Result<Option<Self>> {
        let link = match UnixStream::connect(path) {
            Ok(link) => link,
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        check_user(&link)?;
        link.set_read_timeout(Some(GIVING))?;
        let mut listeners = Vec::new();
        while let Some(socket) = receive(&link)? {
            if listeners.len() == MOST {
                return Err(refused("too many sockets"));
            }
            listeners.push(listening(socket)?);
        }
        Ok(Some(Self { link, listeners }))
    }

    /// Lets it drain: its sockets are served.
    pub(crate) fn relieve(mut self) -> io::Result<()> {
        self.link.write_all(&[SERVED])
    }
}

fn is_nobody(error: &io::Error) -> bool {
    // A socket whose process is gone refuses.
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn check_user(link: impl AsFd) -> io::Result<()> {
    let theirs = sockopt::socket_peercred(link)?.uid;
    if theirs == rustix::process::geteuid() {
        Ok(())
    } else {
        Err(refused("the other process is of another user"))
    }
}

fn refused(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}

/// The next socket, until the end.
fn receive(link: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut word = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let buffers = &mut [IoSliceMut::new(&mut word)];
    recvmsg(link, buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut sockets = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    match (word, sockets.next()) {
        ([SOCKET], Some(socket)) => Ok(Some(socket)),
        ([END], None) => Ok(None),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn listening(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = Socket::from(socket);
    if socket.is_listener()? && socket.local_addr()?.as_socket().is_some() {
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    } else {
        Err(refused("not a listening socket"))
    }
}

/// Offers `listeners` at `path` until `shutdown` begins, which it does when somebody took them.
pub(crate) fn offer(
    path: &Path,
    listeners: Vec<TcpListener>,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let door = bind(path)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shutdown = shutdown.clone();
    let thread = std::thread::Builder::new().name("ztag-handover".to_owned());
    thread.spawn(move || {
        let offered = async {
            tokio::select! {
                () = shutdown.begun() => Ok(()),
                offered = wait(door, &listeners, &shutdown) => offered,
            }
        };
        if let Err(error) = runtime.block_on(offered) {
            tracing::error!(%error, "sockets are no longer offered");
        }
    })?;
    Ok(())
}

/// A Unix socket at `path` that nobody else may open, in the place of whatever was there.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&fresh)?)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    socket.listen(8)?;
    socket.set_nonblocking(true)?;
    fs::rename(&fresh, path)?;
    Ok(UnixListener::from(OwnedFd::from(socket)))
}

async fn wait(
    door: UnixListener,
    listeners: &[TcpListener],
    shutdown: &Shutdown,
) -> io::Result<()> {
    let door = tokio::net::UnixListener::from_std(door)?;
    loop {
        let (link, _) = door.accept().await?;
        let given = tokio::time::timeout(STARTING, give(&link, listeners)).await;
        match given.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(()) => {
                tracing::info!("another process serves from now on");
                shutdown.hand_over();
            }
            Err(error) => tracing::warn!(%error, "sockets were not taken over"),
        }
    }
}

/// Gives the sockets and waits until they are served.
async fn give(link: &tokio::net::UnixStream, listeners: &[TcpListener]) -> io::Result<()> {
    check_user(link)?;
    for listener in listeners {
        link.async_io(Interest::WRITABLE, || send(link, SOCKET, Some(listener)))
            .await?;
    }
    link.async_io(Interest::WRITABLE, || send(link, END, None))
        .await?;
    link.readable().await?;
    let mut word = [0];
    let read = link.async_io(Interest::READABLE, || link.try_read(&mut word));
    match read.await? {
        1 if word == [SERVED] => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn send(link: impl AsFd, word: u8, socket: Option<&TcpListener>) -> io::Result<()> {
    let sockets: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let flags = SendFlags::NOSIGNAL;
    sendmsg(link, &[IoSlice::new(&[word])], &mut ancillary, flags)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn sockets_are_taken_once_and_whoever_had_them_drains() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sockets");
        assert!(Predecessor::meet(&path).unwrap().is_none(), "nobody yet");
        let own = [listener(), listener()];
        let theirs = own.iter().map(|own| own.try_clone().unwrap()).collect();
        let shutdown = Shutdown::new();
        offer(&path, theirs, &shutdown).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // One that does not come as far as serving changes nothing.
        drop(Predecessor::meet(&path).unwrap().unwrap());
        assert!(!shutdown.is_begun());
        let met = Predecessor::meet(&path).unwrap().unwrap();
        for (own, taken) in own.iter().zip(&met.listeners) {
            assert_eq!(own.local_addr().unwrap(), taken.local_addr().unwrap());
        }
        assert_eq!(met.listeners.len(), 2);
        met.relieve().unwrap();
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(shutdown.begun());
    }

    #[test]
    fn only_listening_sockets_are_taken() {
        let door = listener();
        let client = std::net::TcpStream::connect(door.local_addr().unwrap()).unwrap();
        assert!(listening(client.into()).is_err());
        let (unix, _) = UnixStream::pair().unwrap();
        assert!(listening(unix.into()).is_err());
        assert!(listening(door.into()).is_ok());
    }

    #[test]
    fn a_socket_that_nobody_listens_to_any_more_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sockets");
        drop(UnixListener::bind(&path).unwrap());
        assert!(Predecessor::meet(&path).unwrap().is_none());
        offer(&path, vec![listener()], &Shutdown::new()).unwrap();
        assert!(Predecessor::meet(&path).unwrap().is_some());
    }
}
