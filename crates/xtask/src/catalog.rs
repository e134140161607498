//! `cargo xtask catalog`: builds `crates/cordon-aws/data/catalog.bin`.
//!
//! Takes pinned packages (botocore's models and endpoint rules, the service authorization
//! reference) and our own tables; gives one file, the same for the same input, whose layout is
//! [`cordon_aws::catalog::layout`]. With `--check` it compares instead of writing.

mod authorize;
mod classes;
mod file;
mod hosts;
mod judge;
mod models;
mod parameters;
mod reference;
mod rules;
mod sources;
mod tables;
mod templates;
mod write;

use crate::repository;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What can go wrong in a chore, for the person who runs it.
pub(crate) type Fault = Box<dyn Error>;

/// Options of the chore.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Compare with the committed file instead of writing it.
    #[arg(long)]
    check: bool,
}

/// Builds or checks the catalog.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    let sources = sources::fetch()?;
    let data = data_folder();
    let tables = tables::Tables::read(&data)?;
    let models = models::read(&sources.botocore)?;
    let reference = reference::Reference::read(&sources.iam_data)?;
    let partitions = rules::Partitions::read(&sources.botocore)?;
    let built = write::build(&write::Input {
        version: sources.version(),
        models: &models,
        reference: &reference,
        partitions: &partitions,
        tables: &tables,
        botocore: &sources.botocore,
    })?;
    let path = data.join("catalog.bin");
    if options.check {
        let committed = std::fs::read(&path)?;
        if committed != built {
            return Err(format!(
                "`{}` is not what the sources give: run `cargo xtask catalog` and commit it",
                path.display()
            )
            .into());
        }
        println!("{} is up to date ({} bytes)", path.display(), built.len());
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(&path, &built)?;
    println!("wrote {} ({} bytes)", path.display(), built.len());
    Ok(ExitCode::SUCCESS)
}

fn data_folder() -> PathBuf {
    repository().join("crates/cordon-aws/data")
}
