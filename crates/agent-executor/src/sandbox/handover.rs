//! A socket that is made in one network namespace and used in another: it goes over a Unix socket.

use std::io;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::AsFd;

use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The line that the socket goes with.
pub(crate) const LINE: &[u8] = b"front\n";

/// Gives the listening socket away.
pub(crate) fn send(over: impl AsFd, listener: &TcpListener) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [listener.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(over, &[IoSlice::new(LINE)], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Takes what [`send`] sent. Without a socket, what was said instead.
pub(crate) fn receive(over: impl AsFd) -> io::Result<Result<TcpListener, Vec<u8>>> {
    let mut said = vec![0; 4 * 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(over, &mut [IoSliceMut::new(&mut said)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let listener = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next().map(TcpListener::from),
        _ => None,
    });
    said.truncate(got.bytes);
    Ok(listener.ok_or(said))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_that_was_handed_over_accepts() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        send(&theirs, &listener).unwrap();
        drop(listener);
        let received = receive(&ours).unwrap().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        received.accept().unwrap().0.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn what_comes_without_a_socket_is_not_lost() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(b"no\n").unwrap();
        assert_eq!(receive(&ours).unwrap().unwrap_err(), b"no\n");
    }
}
