//! Embeds the web client, as far as it is built: the files of `web/dist`, by name.
//!
//! Without any the program is whole but for its page, so building it takes no Node.js.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../web/dist");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", built.display());

    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&built).into_iter().flatten() {
        let name =
            entry?.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();

    let mut table = String::from("[\n");
    for name in names {
        // A copy, as the next build of the client begins by deleting the files.
        let copy = out.join(&name);
        fs::copy(built.join(&name), &copy)?;
        writeln!(table, "    ({name:?}, include_bytes!({:?})),", copy.display().to_string())?;
    }
    table.push(']');
    fs::write(out.join("web.rs"), table)?;
    Ok(())
}
