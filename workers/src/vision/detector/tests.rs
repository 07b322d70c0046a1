use std::{fs, sync::Arc};

use super::super::picture::{BLUE, Mark, RED, SILVER, Scene, Side, WHITE, Wound};
use super::super::{decode, tiny_model};
use super::*;
use crate::{DetectorSettings, DetectorSlot};

const SCRATCH: Mark = Mark { wound: Wound::Scratch, x: 0.58, y: 0.58, w: 0.1, h: 0.06 };
const DENT: Mark = Mark { wound: Wound::Dent, x: 0.24, y: 0.56, w: 0.07, h: 0.09 };

/// A folder with a model and its card, gone after the test.
struct Shelf(PathBuf);

impl Shelf {
    fn new(model: &[u8], card: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("forecourt-detector-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("damage.onnx"), model).unwrap();
        fs::write(folder.join("damage.json"), card).unwrap();
        Self(folder)
    }

    fn tiny() -> Self {
        Self::new(&tiny_model::onnx(), &tiny_card())
    }

    fn load(&self) -> Result<Detector, Unavailable> {
        Detector::load(&self.0.join("damage.onnx"), &self.0.join("damage.json"), &settings())
    }

    fn reason(&self) -> String {
        self.load().err().expect("a model that cannot be used").reason
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tiny_card() -> String {
    tiny_model::card(&hex::encode(Sha256::digest(tiny_model::onnx())))
}

fn settings() -> Settings {
    Settings { runtime: Some(library()), threads: 2, patience: PATIENCE }
}

/// ONNX Runtime as `bin/test` installs it.
pub(crate) fn library() -> PathBuf {
    let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/onnxruntime");
    named.or_else(|| below(&cache)).unwrap_or_else(|| {
        panic!("these tests need ONNX Runtime: run bin/test, or set ORT_DYLIB_PATH to libonnxruntime.so")
    })
}

fn below(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name();
        let found = name.to_string_lossy().starts_with("libonnxruntime.so");
        if entry.path().is_dir() { below(&entry.path()) } else { found.then(|| entry.path()) }
    })
}

fn picture(scene: &Scene) -> RgbImage {
    decode::upright(&scene.jpeg()).unwrap()
}

fn region(mark: Mark) -> Region {
    Region::new(mark.x.into(), mark.y.into(), mark.w.into(), mark.h.into()).unwrap()
}

#[test]
fn a_drawn_scratch_and_a_dent_are_found_where_they_are() {
    let shelf = Shelf::tiny();
    let found = shelf.load().unwrap().detect(&picture(&Scene::new(Side::Left, 1).with(SCRATCH).with(DENT))).unwrap();
    for (class, mark) in [("scratch", SCRATCH), ("dent", DENT)] {
        let here = |detection: &&Detection| detection.class == class && detection.region.iou(&region(mark)) > 0.6;
        assert!(found.boxes.iter().any(|detection| here(&detection)), "no {class} in {:?}", found.boxes);
    }
    assert_eq!(found.boxes.len(), 2, "{:?}", found.boxes);
    assert_eq!(found.views, 1);
}

#[test]
fn nothing_is_found_on_undamaged_cars() {
    let shelf = Shelf::tiny();
    let detector = shelf.load().unwrap();
    for side in [Side::Front, Side::Back, Side::Left, Side::Right] {
        for (seed, colour) in [RED, BLUE, SILVER, WHITE].into_iter().enumerate() {
            let scene = Scene { colour, ..Scene::new(side, seed as u64) };
            let found = detector.detect(&picture(&scene)).unwrap();
            assert_eq!(found.raw, [], "{side:?} {colour:?}");
        }
    }
}

#[test]
fn tiles_look_closer_and_report_each_mark_once() {
    let card = tiny_card().replace("\"output\":", "\"tiles\": { \"size\": 0.6, \"overlap\": 0.2 }, \"output\":");
    let shelf = Shelf::new(&tiny_model::onnx(), &card);
    let found = shelf.load().unwrap().detect(&picture(&Scene::new(Side::Right, 5).with(DENT))).unwrap();
    assert_eq!(found.views, 5);
    let [dent] = &found.boxes[..] else { panic!("one dent, not {:?}", found.boxes) };
    assert!(dent.region.iou(&region(DENT)) > 0.6);
}

#[test]
fn boxes_too_large_for_a_tile_are_the_whole_photos_alone() {
    let found = |tiles: &str| {
        let card = tiny_card().replace("\"output\":", &format!("{tiles}\"output\":"));
        let shelf = Shelf::new(&tiny_model::onnx(), &card);
        shelf.load().unwrap().detect(&picture(&Scene::new(Side::Right, 5).with(DENT))).unwrap().raw
    };
    let (whole, small) = (found(""), found(r#""tiles": { "size": 0.6, "overlap": 0.2, "largest": 0.01 }, "#));
    assert_ne!(whole, []);
    assert_eq!(small, whole);
    assert_ne!(found(r#""tiles": { "size": 0.6, "overlap": 0.2 }, "#), whole);
}

#[test]
fn the_same_photo_and_model_give_the_same_bits() {
    let shelf = Shelf::tiny();
    let photo = picture(&Scene::new(Side::Left, 6).with(SCRATCH));
    let once = shelf.load().unwrap().detect(&photo).unwrap();
    let again = shelf.load().unwrap().detect(&photo).unwrap();
    assert_eq!(once.raw, again.raw);
    assert_eq!(once.model, again.model);
    assert_eq!(once.model.sha256, hex::encode(Sha256::digest(tiny_model::onnx())));
}

#[test]
fn a_missing_model_is_a_reason() {
    let shelf = Shelf::tiny();
    fs::remove_file(shelf.0.join("damage.onnx")).unwrap();
    assert_eq!(shelf.reason(), "the model file (damage.onnx) is missing");
}

#[test]
fn a_missing_or_wrong_card_is_a_reason() {
    let shelf = Shelf::tiny();
    fs::write(shelf.0.join("damage.json"), tiny_card().replace("0.4", "0.1")).unwrap();
    assert_eq!(shelf.reason(), "the model's card is wrong: the low threshold is above the score threshold");
    fs::write(shelf.0.join("damage.json"), "{").unwrap();
    assert!(shelf.reason().starts_with("the model's card cannot be read"));
    fs::remove_file(shelf.0.join("damage.json")).unwrap();
    assert_eq!(shelf.reason(), "the model's card (damage.json) is missing");
}

#[test]
fn a_file_that_is_not_the_card_s_is_a_reason() {
    let shelf = Shelf::new(b"another file", &tiny_card());
    assert_eq!(shelf.reason(), "the model file is not the one that its card describes");
}

#[test]
fn a_broken_model_is_a_reason() {
    let half = &tiny_model::onnx()[..5000];
    for model in [&b"not a model"[..], b"", half] {
        let shelf = Shelf::new(model, &tiny_model::card(&hex::encode(Sha256::digest(model))));
        let reason = shelf.reason();
        assert!(reason.starts_with("the model file cannot be loaded: "), "{reason}");
    }
}

#[test]
fn a_model_of_other_shapes_is_a_reason() {
    for (from, to, words) in [
        ("\"width\": 416", "\"width\": 448", "the model's input has the shape"),
        ("\"dent\"]", "\"dent\", \"hail\"]", "the model's output has the shape"),
        ("\"images\"", "\"pixels\"", "the model has no input named pixels"),
        ("\"output\", \"strides\"", "\"boxes\", \"strides\"", "the model has no output named boxes"),
    ] {
        let reason = Shelf::new(&tiny_model::onnx(), &tiny_card().replace(from, to)).reason();
        assert!(reason.starts_with(words), "{reason}");
    }
}

#[test]
fn a_model_that_is_too_slow_is_stopped_and_a_reason() {
    let slow = tiny_model::slow(20);
    let shelf = Shelf::new(&slow, &tiny_model::card(&hex::encode(Sha256::digest(&slow))));
    let settings = Settings { patience: Duration::from_millis(200), ..settings() };
    let outcome = Detector::load(&shelf.0.join("damage.onnx"), &shelf.0.join("damage.json"), &settings);
    assert_eq!(outcome.err().unwrap().reason, "the model took longer than 0.2 seconds");
}

#[test]
fn a_missing_runtime_is_a_reason() {
    let shelf = Shelf::tiny();
    let settings = Settings { runtime: Some("/nowhere/libonnxruntime.so".into()), threads: 1, patience: PATIENCE };
    let outcome = Detector::load(&shelf.0.join("damage.onnx"), &shelf.0.join("damage.json"), &settings);
    assert!(outcome.err().unwrap().reason.starts_with("ONNX Runtime is not installed"));
}

#[test]
fn a_library_that_is_none_is_a_reason() {
    // Its own process: the first library that loads serves a whole one.
    let shelf = Shelf::tiny();
    let broken = shelf.0.join("libonnxruntime.so");
    fs::write(&broken, "not a library").unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "vision::detector::tests::says_why_it_cannot_load"])
        .env("FORECOURT_SHELF", &shelf.0)
        .env("ORT_DYLIB_PATH", &broken)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("ONNX Runtime is not installed"), "{said}");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn says_why_it_cannot_load() {
    let shelf = PathBuf::from(std::env::var_os("FORECOURT_SHELF").unwrap());
    let settings = Settings { runtime: None, threads: 1, patience: PATIENCE };
    let outcome = Detector::load(&shelf.join("damage.onnx"), &shelf.join("damage.json"), &settings);
    println!("{}", outcome.err().unwrap().reason);
}

/// The tiny model as one that knows cars: to it, a car is what has a violet scratch.
fn knows_cars() -> Shelf {
    let shelf =
        Shelf::new(&tiny_model::onnx(), &tiny_card().replace("\"output\":", "\"car\": \"car.json\", \"output\":"));
    fs::write(shelf.0.join("car.onnx"), tiny_model::onnx()).unwrap();
    fs::write(shelf.0.join("car.json"), tiny_card()).unwrap();
    shelf
}

#[test]
fn a_second_model_tells_whether_there_is_a_car() {
    let (shelf, alone) = (knows_cars(), Shelf::tiny());
    let detector = shelf.load().unwrap();
    let (with, without) = (Scene::new(Side::Left, 1).with(SCRATCH), Scene::new(Side::Left, 1));
    let car = |scene: &Scene| detector.detect(&picture(scene)).unwrap().car.unwrap();
    assert!(car(&with).is_one());
    assert_eq!((car(&without).is_one(), car(&without).score), (false, 0.0));
    assert_eq!(car(&with).model.sha256, hex::encode(Sha256::digest(tiny_model::onnx())));

    let asked_nobody = alone.load().unwrap().detect(&picture(&with)).unwrap();
    assert_eq!(asked_nobody.car, None);
    assert_eq!(asked_nobody.raw, detector.detect(&picture(&with)).unwrap().raw, "it changes nothing about damage");
}

#[test]
fn a_model_of_cars_that_is_named_and_missing_is_a_reason() {
    let shelf = knows_cars();
    fs::remove_file(shelf.0.join("car.onnx")).unwrap();
    assert_eq!(shelf.reason(), "of the model that knows cars: the model file (car.onnx) is missing");
    fs::remove_file(shelf.0.join("car.json")).unwrap();
    assert_eq!(shelf.reason(), "of the model that knows cars: the model's card (car.json) is missing");
}

#[test]
fn a_model_of_cars_that_changes_is_loaded_again() {
    let shelf = knows_cars();
    let (model, runtime) = (Some(shelf.0.join("damage.onnx")), Some(library()));
    let slot = DetectorSlot::new(DetectorSettings { model, runtime, threads: 2 });
    let first = slot.get().unwrap();
    assert!(Arc::ptr_eq(&first, &slot.get().unwrap()), "nothing changed");
    fs::write(shelf.0.join("car.onnx"), b"another file").unwrap();
    let reason = slot.get().err().expect("it is not the card's").reason;
    assert_eq!(reason, "of the model that knows cars: the model file is not the one that its card describes");
}
