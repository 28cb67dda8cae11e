//! The memory in which bytes wait to become durable: one budget for all uploads, counted by capacity.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One block, and one permit of the budget, bytes.
pub(super) const BLOCK: usize = 64 << 10;
/// Longest wait for a block.
const DEADLINE: Duration = Duration::from_secs(30);
/// Parts put together at a time, from tail segments or from small objects: each holds connections for what it reads
/// back.
const ASSEMBLIES: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Budget {
    blocks: Arc<Semaphore>,
    assemblies: Semaphore,
}

/// No block, or no turn, within the deadline.
#[derive(Debug, thiserror::Error)]
#[error("no memory for uploads came free in time")]
pub(super) struct Exhausted;

impl Budget {
    /// A budget of `size` bytes; at least one block.
    pub(super) fn new(size: u64) -> Self {
        let blocks = usize::try_from(size / BLOCK as u64).unwrap_or(usize::MAX);
        Self {
            blocks: Arc::new(Semaphore::new(blocks.clamp(1, Semaphore::MAX_PERMITS))),
            assemblies: Semaphore::new(ASSEMBLIES),
        }
    }

    /// A block, when there is one now.
    pub(super) fn try_block(&self) -> Option<Block> {
        self.blocks.clone().try_acquire_owned().ok().map(Block::new)
    }

    /// A block, waiting for one. Only for who holds none: nobody then waits for anybody who waits.
    pub(super) async fn block(&self) -> Result<Block, Exhausted> {
        match tokio::time::timeout(DEADLINE, self.blocks.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Block::new(permit)),
            _ => Err(Exhausted),
        }
    }

    /// A turn at putting a part together.
    pub(super) async fn assembly(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Exhausted> {
        match tokio::time::timeout(2 * DEADLINE, self.assemblies.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Exhausted),
        }
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.blocks.available_permits()
    }
}

/// Memory of our own, whose size does not depend on how the bytes came.
#[derive(Debug)]
pub(super) struct Block {
    bytes: BytesMut,
    permit: OwnedSemaphorePermit,
}

impl Block {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { bytes: BytesMut::with_capacity(BLOCK), permit }
    }

    fn room(&self) -> usize {
        BLOCK - self.bytes.len()
    }
}

/// Bytes gathered in order, with their running CRC-32. Gives its memory back when dropped.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    full: Vec<Bytes>,
    last: Option<Block>,
    permits: Vec<OwnedSemaphorePermit>,
    crc: Hasher,
    len: u64,
}

impl Gathered {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the next byte needs a block.
    pub(super) fn needs_block(&self) -> bool {
        self.last.as_ref().is_none_or(|block| block.room() == 0)
    }

    pub(super) fn add(&mut self, block: Block) {
        self.close();
        self.last = Some(block);
    }

    /// Copies from the front of `chunk` what the last block has room for.
    pub(super) fn take_from(&mut self, chunk: &mut Bytes) {
        let Some(block) = &mut self.last else { return };
        let piece = chunk.split_to(chunk.len().min(block.room()));
        self.crc.update(&piece);
        self.len += piece.len() as u64;
        block.bytes.extend_from_slice(&piece);
    }

    fn close(&mut self) {
        if let Some(block) = self.last.take() {
            self.full.push(block.bytes.freeze());
            self.permits.push(block.permit);
        }
    }

    /// The pieces as they are to be sent (shared, not copied), and their CRC-32.
    pub(super) fn pieces(&mut self) -> (Vec<Bytes>, Hasher) {
        self.close();
        (self.full.clone(), self.crc.clone())
    }
}
