//! The file of a snapshot: the headers up to a block and all coins at it.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `SYNDSNAP` |
//! | 4 | version, 1; numbers are little-endian |
//! | 32 | chain id |
//! | 4 | height of the block |
//! | 32 | hash of the block |
//! | 8 | number of coins |
//! | 32 | MuHash3072 of the coins |
//! | 80 each | headers from height 1 up to the block |
//! | | coins sorted by outpoint: txid (32), index (4), length (4), coin |
//!
//! Nothing in the file is trusted: the spec's `[trust]` names the block and the MuHash.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use synod_chainspec::Snapshot;
use synod_primitives::{BlockHash, Header, Height, OutPoint, Txid};

const MAGIC: &[u8; 8] = b"SYNDSNAP";
const VERSION: u32 = 1;
const HEAD_SIZE: usize = 8 + 4 + 32 + 4 + 32 + 8 + 32;
/// The most bytes of an encoded coin: a script as long as may be spent, and some for the rest.
const MAX_COIN_BYTES: u32 = 10_100;

/// What a snapshot says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The network.
    pub chain_id: [u8; 32],
    /// The height of the block.
    pub height: Height,
    /// The block whose coins these are.
    pub hash: BlockHash,
    /// How many coins there are.
    pub coins: u64,
    /// Their MuHash3072, in hash order.
    pub muhash: [u8; 32],
}

impl Head {
    /// Returns what a chain spec names to trust this snapshot.
    #[must_use]
    pub fn to_trust(&self) -> Snapshot {
        Snapshot {
            height: self.height,
            hash: self.hash,
            muhash: self.muhash,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_SIZE);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.chain_id);
        bytes.extend_from_slice(&self.height.0.to_le_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes.extend_from_slice(&self.coins.to_le_bytes());
        bytes.extend_from_slice(&self.muhash);
        bytes
    }
}

/// Writes a snapshot beside its final name, and gives it that name when it is whole.
pub struct Writer {
    file: BufWriter<File>,
    part: PathBuf,
    to: PathBuf,
}

impl Writer {
    /// Starts a file that is not there yet.
    ///
    /// # Errors
    /// The file is there, or cannot be written.
    pub fn create(to: &Path) -> Result<Self> {
        ensure!(!to.exists(), "{} is there already", to.display());
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| format!("creating {}", part.display()))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        // Its place; what it says is known at the end.
        file.write_all(&[0; HEAD_SIZE])?;
        Ok(Self {
            file,
            part,
            to: to.to_owned(),
        })
    }

    /// Writes the next header.
    ///
    /// # Errors
    /// The disk.
    pub fn header(&mut self, header: &Header) -> Result<()> {
        Ok(self.file.write_all(&header.encode())?)
    }

    /// Writes the next coin.
    ///
    /// # Errors
    /// The disk.
    pub fn coin(&mut self, outpoint: &OutPoint, coin: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(coin.len()).map_err(std::io::Error::other)?;
        self.file.write_all(outpoint.txid.as_bytes())?;
        self.file.write_all(&outpoint.vout.to_be_bytes())?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(coin)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(mut self, head: &Head) -> Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head.encode())?;
        let file = self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&self.part, &self.to)
            .with_context(|| format!("naming {}", self.to.display()))
    }
}

/// Reads a snapshot from its beginning to its end.
pub struct Reader<R = BufReader<File>> {
    file: R,
    head: Head,
    coins_read: u64,
    last: Option<OutPoint>,
}

impl Reader {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// The file cannot be read, or is no snapshot.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let file = BufReader::with_capacity(1 << 20, file);
        Self::start(file).with_context(|| format!("reading {}", path.display()))
    }
}

impl<R: Read> Reader<R> {
    /// Reads what a snapshot says of itself.
    ///
    /// # Errors
    /// The source cannot be read, or is no snapshot.
    pub fn start(mut file: R) -> Result<Self> {
        let mut magic = [0; 8];
        let is_snapshot = file.read_exact(&mut magic).is_ok() && magic == *MAGIC;
        ensure!(is_snapshot, "the file is no snapshot");
        let version = u32::from_le_bytes(take(&mut file)?);
        if version != VERSION {
            bail!("the snapshot has version {version}, this program reads version {VERSION}");
        }
        let head = Head {
            chain_id: take(&mut file)?,
            height: Height(u32::from_le_bytes(take(&mut file)?)),
            hash: BlockHash::from_bytes(take(&mut file)?),
            coins: u64::from_le_bytes(take(&mut file)?),
            muhash: take(&mut file)?,
        };
        Ok(Self {
            file,
            head,
            coins_read: 0,
            last: None,
        })
    }

    /// Returns what the file says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads the next header; there are as many as the block's height.
    ///
    /// # Errors
    /// The file ends or cannot be read.
    pub fn header(&mut self) -> Result<Header> {
        Ok(Header::decode(&take(&mut self.file)?))
    }

    /// Reads the next coin; `None` after the last.
    ///
    /// # Errors
    /// The file ends early, goes on after the last coin, has a coin that is too long, or coins
    /// that are out of order or there twice.
    pub fn coin(&mut self) -> Result<Option<(OutPoint, Vec<u8>)>> {
        if self.coins_read == self.head.coins {
            let is_end = self.file.read(&mut [0])? == 0;
            ensure!(is_end, "the snapshot goes on after its last coin");
            return Ok(None);
        }
        let txid = Txid::from_bytes(take(&mut self.file)?);
        let outpoint = OutPoint::new(txid, u32::from_be_bytes(take(&mut self.file)?));
        let length = u32::from_le_bytes(take(&mut self.file)?);
        ensure!(length <= MAX_COIN_BYTES, "coin {outpoint} is too long");
        let is_next = self.last.is_none_or(|last| last < outpoint);
        ensure!(is_next, "the coins of the snapshot are out of order");
        let mut coin = vec![0; length as usize];
        self.file
            .read_exact(&mut coin)
            .context("the snapshot ends early")?;
        self.last = Some(outpoint);
        self.coins_read += 1;
        Ok(Some((outpoint, coin)))
    }
}

fn take<const N: usize>(file: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)
        .context("the snapshot ends early")?;
    Ok(bytes)
}
