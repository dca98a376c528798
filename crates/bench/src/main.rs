//! `synod-bench`: chains to import, and the bare figures beside them. See docs/benchmarks.md.

mod figures;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use synod_bench::{Kind, Plan, agree, build};
use synod_blockfile::BlockFileWriter;

/// Chains to measure with, and bare figures.
#[derive(Parser)]
#[command(name = "synod-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the reference chain as blk00000.dat, in Bitcoin Core's framing.
    Chain {
        /// What all coins are.
        #[arg(long, value_enum)]
        kind: Kind,
        /// The directory to write to; made where it is not there.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measure the bare verifier, with parsing: one check at a time, and many.
    Verifier {
        /// Threads that verify at the same time.
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Rounds, of which the best and the median are told.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Measure the signature limit of this machine: the signatures of a chain, parsed and judged in
    /// batches by all threads, in wall time.
    Limit {
        /// A chain that the command `chain` wrote.
        file: PathBuf,
        /// Threads that verify at the same time.
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Rounds, of which the best and the median are told.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
    /// Measure decoding, checking and connecting of blocks whose signatures are known.
    Connect {
        /// A chain that the command `chain` wrote.
        file: PathBuf,
        /// Rounds, of which the best and the median are told.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Play the same payments under proof of work, proof of stake and delegated stake, and tell how
    /// long they take to be in a block and to be final. Nothing depends on the machine.
    Agree {
        /// Nodes; each has a key, or a share of the work.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(2..=21))]
        nodes: u8,
        /// Payments, two a second.
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=2000))]
        payments: u32,
        /// Runs of each engine, whose payments are told together.
        #[arg(long, default_value_t = 5)]
        seeds: u64,
        /// The longest way of a message in milliseconds; the shortest is a tenth of it.
        #[arg(long, default_value_t = 100)]
        delay_ms: u64,
    },
    /// Measure the Merkle root of 2,500 leaves beside sha2.
    Merkle {
        /// Rounds, of which the best and the median are told.
        #[arg(long, default_value_t = 201)]
        rounds: usize,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Chain { kind, out } => write_chain(kind, &out),
        Command::Verifier { threads, rounds } => figures::verifier(threads, rounds),
        Command::Limit {
            file,
            threads,
            rounds,
        } => figures::limit(&file, threads, rounds),
        Command::Connect { file, rounds } => figures::connect(&file, rounds),
        Command::Merkle { rounds } => figures::merkle(rounds),
        Command::Agree {
            nodes,
            payments,
            seeds,
            delay_ms,
        } => {
            let plan = agree::Plan {
                nodes,
                payments,
                delay_ms: delay_ms.max(10),
            };
            print!("{}", agree::compare(&plan, 1..=seeds.max(1))?);
            Ok(())
        }
    }
}

fn write_chain(kind: Kind, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join("blk00000.dat");
    let file = File::create_new(&path).with_context(|| format!("creating {}", path.display()))?;
    let mut writer = BlockFileWriter::new(BufWriter::new(file), None);
    let plan = Plan::reference(kind);
    let mut tip = None;
    let mut transactions = 0;
    build(&plan, |block| {
        transactions += block.transactions().len();
        tip = Some(block.hash());
        Ok(writer.write(block.raw())?)
    })?;
    writer.finish()?;
    let tip = tip.context("a chain without blocks")?;
    println!(
        "{}: {} blocks, {transactions} transactions, {} signed inputs, tip {tip}",
        path.display(),
        plan.blocks(),
        plan.inputs(),
    );
    Ok(())
}
