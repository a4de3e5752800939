//! Phases as reads and writes advance them.

use std::future::poll_fn;

use hyper::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::progress::Exchange;

async fn pair(ahead: &'static [u8]) -> (TcpStream, Stream, Arc<Progress>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let progress = Progress::new(Arc::default());
    progress.enter(Phase::Head);
    let wire = Wire::Plain(listener.accept().await.unwrap().0);
    let ahead = Bytes::from_static(ahead);
    let stream = Stream::new(wire, ahead, Arc::clone(&progress), Seat::default());
    (client, stream, progress)
}

async fn write(stream: &mut Stream, bytes: &[u8]) {
    let written = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await;
    assert_eq!(written.unwrap(), bytes.len());
}

async fn flush(stream: &mut Stream) {
    poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx))
        .await
        .unwrap();
}

async fn read(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = [0; 4];
    let mut read = rt::ReadBuf::new(&mut bytes);
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, read.unfilled()))
        .await
        .unwrap();
    read.filled().to_vec()
}

#[tokio::test]
async fn a_connection_is_idle_between_a_reply_and_the_next_request() {
    let (mut client, mut stream, progress) = pair(b"").await;
    let exchange = Exchange::begin(&progress, true);
    exchange.reply();
    write(&mut stream, b"reply").await;
    assert_eq!(progress.phase(), Phase::Reply);
    flush(&mut stream).await;
    assert_eq!(progress.phase(), Phase::Answer, "more of it may come");
    flush(&mut stream).await;
    assert_eq!(progress.phase(), Phase::Answer);

    write(&mut stream, b"more").await;
    assert_eq!(progress.phase(), Phase::Reply);
    drop(exchange);
    flush(&mut stream).await;
    assert_eq!(progress.phase(), Phase::Idle);
    client.read_exact(&mut [0; 9]).await.unwrap();

    client.write_all(b"G").await.unwrap();
    assert_eq!(read(&mut stream).await, b"G");
    assert_eq!(progress.phase(), Phase::Head);
}

#[tokio::test]
async fn a_reply_that_ends_without_another_byte_is_over() {
    let (_client, mut stream, progress) = pair(b"").await;
    let exchange = Exchange::begin(&progress, true);
    exchange.reply();
    write(&mut stream, b"reply").await;
    flush(&mut stream).await;
    drop(exchange);
    flush(&mut stream).await;
    assert_eq!(progress.phase(), Phase::Idle);
    assert!(progress.is_parkable());
}

#[tokio::test]
async fn what_was_read_ahead_comes_first() {
    let (mut client, mut stream, _) = pair(b"abcdef").await;
    client.write_all(b"gh").await.unwrap();
    assert_eq!(read(&mut stream).await, b"abcd");
    assert_eq!(read(&mut stream).await, b"ef");
    assert_eq!(read(&mut stream).await, b"gh");
}

#[tokio::test]
async fn small_replies_are_sent_whole_and_large_ones_as_they_are() {
    for sizes in [
        &[3, 4][..],
        &[SMALL],
        &[SMALL - 1, 2],
        &[0, SMALL, 1, 7_000],
    ] {
        let (mut client, mut stream, _) = pair(b"").await;
        let pieces: Vec<Vec<u8>> = sizes
            .iter()
            .zip(b'a'..)
            .map(|(size, letter)| vec![letter; *size])
            .collect();
        let slices: Vec<_> = pieces.iter().map(|piece| io::IoSlice::new(piece)).collect();
        let written = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await;
        let whole = pieces.concat();
        assert_eq!(written.unwrap(), whole.len());
        let fits = whole.len() <= SMALL;
        assert_eq!(gather(&slices, &mut [0; SMALL]).is_some(), fits);
        let mut read = vec![0; whole.len()];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(read, whole, "{sizes:?}");
    }
}
