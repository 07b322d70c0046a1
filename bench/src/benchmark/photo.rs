//! Drawn photos of 12 megapixels, the same for both sides.

use std::path::PathBuf;

use anyhow::Result;
use dev::picture::{Scene, Side};

use crate::ground::Ground;

/// As phones take them: 4000 by 3000.
pub(super) const WIDTH: u32 = 4000;

/// A folder with four sides of a car, drawn when first asked for.
pub(super) fn folder(ground: &Ground) -> Result<PathBuf> {
    let folder = ground.data_dir.folder("photos")?;
    for (name, side) in [("front", Side::Front), ("back", Side::Back), ("left", Side::Left), ("right", Side::Right)] {
        let file = folder.join(format!("{name}.jpg"));
        if !file.exists() {
            let scene = Scene { width: WIDTH, ..Scene::new(side, 1) };
            std::fs::write(file, scene.jpeg())?;
        }
    }
    Ok(folder)
}

/// The bytes of all photos of the folder.
pub(super) fn all(ground: &Ground) -> Result<Vec<Vec<u8>>> {
    let files = std::fs::read_dir(folder(ground)?)?;
    files.map(|file| Ok(std::fs::read(file?.path())?)).collect()
}
