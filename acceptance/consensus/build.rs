//! Compiles the shim against the code of Bitcoin Core that the crate `bitcoinconsensus` carries.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=core/referee.cpp");
    println!("cargo:rerun-if-changed=build.rs");
    let core = core_sources();
    // Parts of Core that libbitcoinconsensus leaves out.
    let parts = [
        "arith_uint256.cpp",
        "consensus/merkle.cpp",
        "consensus/tx_check.cpp",
        "primitives/block.cpp",
    ];
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(&core)
        .include(core.join("secp256k1/include"))
        .file("core/referee.cpp")
        .files(parts.map(|part| core.join(part)))
        .compile("referee");
}

/// Finds the sources in the package that cargo downloaded for the dependency.
fn core_sources() -> PathBuf {
    let output = Command::new(std::env::var_os("CARGO").expect("cargo sets it"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // Packages of other platforms need not have been downloaded.
        .arg("--filter-platform")
        .arg(std::env::var_os("TARGET").expect("cargo sets it"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = packages
        .iter()
        .find(|package| package["name"] == "bitcoinconsensus")
        .expect("it is a dependency");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    let folder = manifest.parent().expect("a manifest lies in a folder");
    folder.join("depend/bitcoin/src")
}
