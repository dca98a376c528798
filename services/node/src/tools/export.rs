//! `synod-node export`: the active chain in Core's framing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use synod_blockfile::BlockFileWriter;
use synod_primitives::Height;

use crate::app::open_node;
use crate::config::NodeConfig;

/// Blocks read at once.
const BLOCKS_PER_READ: u32 = 500;
/// Bytes of blocks read at once.
const BYTES_PER_READ: usize = 16 << 20;

/// Writes the active chain from the genesis block on; `-` is standard output.
///
/// Returns the number of blocks.
///
/// # Errors
/// The data directory cannot be used, or the file cannot be written.
pub async fn run(config: NodeConfig, file: &Path) -> Result<u64> {
    let spec = config.spec()?;
    let (node, reader, maintenance) = open_node(&config, &spec).await?;
    let output: Box<dyn Write> = if file.as_os_str() == "-" {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(File::create_new(file).with_context(|| format!("creating {}", file.display()))?)
    };
    let mut writer = BlockFileWriter::new(BufWriter::new(output), None);
    let mut height = 0;
    loop {
        let blocks = reader
            .active_blocks(Height(height), BLOCKS_PER_READ, BYTES_PER_READ)
            .await?;
        if blocks.is_empty() {
            break;
        }
        for block in &blocks {
            writer.write(&block.raw)?;
            height += 1;
        }
    }
    writer.finish()?.flush()?;
    tokio::task::spawn_blocking(move || drop(node)).await?;
    reader.close().await;
    maintenance.close().await?;
    Ok(height.into())
}
