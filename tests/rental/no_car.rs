//! A photo of something else than a car is told, and stops nothing.

use std::io::Cursor;

use dev::picture::{Scene, Side};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tests::done;

use super::{
    SCRATCH,
    lot::{self, Lot, round},
};

/// Bricks, each of another shade.
fn wall() -> Vec<u8> {
    let shade = |x: u32, y: u32| {
        let row = y / 50;
        let (x, y) = (x + row % 2 * 60, y % 50);
        if x % 120 < 8 || y < 8 { 190 } else { 90 + ((x / 120 * 37 + row * 53) % 40) as u8 }
    };
    let wall = RgbImage::from_fn(1_200, 900, |x, y| {
        let shade = shade(x, y);
        Rgb([shade, shade / 2 + 20, shade / 2])
    });
    let mut jpeg = Cursor::new(Vec::new());
    wall.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    jpeg.into_inner()
}

impl Lot {
    /// The shipped model that knows cars, beside the one that the test chose.
    fn know_cars(&self) {
        for file in ["car.onnx", "car.json"] {
            let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(file);
            std::fs::copy(shipped, self.model.with_file_name(file)).unwrap();
        }
        let path = self.model.with_extension("json");
        let mut card: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        card["car"] = json!("car.json");
        std::fs::write(path, card.to_string()).unwrap();
    }

    async fn that_knows_cars() -> Self {
        let lot = Self::unwatched().await;
        lot.know_cars();
        lot.watch().await;
        lot
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_instead_of_a_side_is_told_and_stops_nothing() {
    let lot = Lot::that_knows_cars().await;
    done(lot.pick_up(&round(1)).await);
    let mut scenes = round(2);
    scenes[3].1 = wall();
    let report = lot.returned(&scenes).await;
    assert_eq!(report["warnings"], json!(["The right photo seems not to show a car."]), "{report:#}");
    // The other seven were looked at, too.
    let cars = "select count(*) from photo where (analysis->'car'->>'score')::float > 0.5";
    assert_eq!(lot.bed.number(cars).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_at_the_pick_up_proves_nothing() {
    let lot = Lot::that_knows_cars().await;
    let mut scenes = round(1);
    scenes[2].1 = wall();
    done(lot.pick_up(&scenes).await);
    let mut scenes = round(2);
    scenes[2].1 = lot::photo(&Scene::new(Side::Left, 2).with(SCRATCH));
    let report = lot.returned(&scenes).await;
    let finding = &report["findings"][0];
    assert_eq!(finding["novelty"], "uncertain", "{report:#}");
    let reason = "the pick-up photo shows too little to say that it was not there (compared by position alone)";
    assert_eq!(finding["reason"], reason);
    let told = "The pick-up photo of the left side seems not to show a car: compare by eye.";
    assert!(report["warnings"].as_array().unwrap().contains(&json!(told)), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_a_photo_does_not_show_is_not_released_unseen() {
    let lot = Lot::that_knows_cars().await;
    lot.bed.run("update branch set auto_release = true").await;
    done(lot.pick_up(&round(1)).await);
    let mut scenes = round(2);
    scenes[3].1 = wall();
    let report = lot.returned(&scenes).await;
    assert_eq!(report["findings"], json!([]), "{report:#}");
    assert_eq!(lot.bed.number("select count(*) from rental_return where released_at is null").await, 1);
}
