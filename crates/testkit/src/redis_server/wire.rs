//! RESP2 over a Unix socket: how a command is written and an answer is read. What they mean is kept out.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::Reply;

/// How long one read or write may take; the server is on this machine and has nothing else to do.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// One connection that speaks RESP2.
#[derive(Debug)]
pub(super) struct Connection(BufReader<UnixStream>);

impl Connection {
    pub(super) fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks one command and waits for its answer.
    pub(super) fn ask(&mut self, command: &[&[u8]]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request)?;
        self.read()
    }

    /// Waits for the next answer.
    pub(super) fn read(&mut self) -> io::Result<Reply> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        let line = line.strip_suffix(b"\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let (kind, rest) = line.split_first().ok_or(ErrorKind::InvalidData)?;
        let rest = String::from_utf8_lossy(rest).into_owned();
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match kind {
            b'+' => Reply::Simple(rest),
            b'-' => Reply::Error(rest),
            b':' => Reply::Integer(number()?),
            b'$' | b'*' => match (kind, usize::try_from(number()?)) {
                // A length of -1.
                (_, Err(_)) => Reply::Nil,
                (b'*', Ok(length)) => Reply::Array((0..length).map(|_| self.read()).collect::<io::Result<_>>()?),
                (_, Ok(length)) => {
                    let mut bytes = vec![0; length + b"\r\n".len()];
                    self.0.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Reply::Bulk(bytes)
                }
            },
            _ => return Err(ErrorKind::InvalidData.into()),
        })
    }
}
