//! Scores a damage model on annotated photos, through the worker's own code path.

use std::path::PathBuf;

use clap::Parser;
use workers::{
    evaluation::{Options, Report, evaluate},
    vision::{
        card::Card,
        detector::{Detector, PATIENCE, Settings},
    },
};

/// Scores a damage model on annotated photos, through the worker's own code path.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder with the annotated photos.
    #[arg(long)]
    images: PathBuf,
    /// COCO JSON; its categories become classes by the card's `categories`, else by name.
    #[arg(long)]
    annotations: PathBuf,
    /// A folder with photos of undamaged cars.
    #[arg(long)]
    negatives: Option<PathBuf>,
    /// The ONNX file; its card lies beside it under the same name with `.json`.
    #[arg(long, env = "DAMAGE_MODEL", default_value = "models/damage.onnx")]
    model: PathBuf,
    /// The ONNX Runtime library.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    runtime: Option<PathBuf>,
    /// Threads that work on one photo.
    #[arg(long, env = "DAMAGE_THREADS", default_value_t = 1)]
    threads: usize,
    /// Boxes weaker than this are not scored; at most the card's score threshold. Averages of precision want them weak.
    #[arg(long, default_value_t = 0.001)]
    low: f32,
    /// Where a picture sheet (green found, yellow missed, red false alarm) and the files for pycocotools go.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = Settings { runtime: arguments.runtime, threads: arguments.threads, patience: PATIENCE };
    let mut card = Card::load(&arguments.model.with_extension("json"))
        .map_err(|unavailable| anyhow::anyhow!(unavailable.reason))?;
    if !(0.0..=card.thresholds.score).contains(&arguments.low) {
        anyhow::bail!("--low must lie between 0 and the card's score threshold, {}", card.thresholds.score);
    }
    card.thresholds.low = arguments.low;
    let detector = Detector::with_card(&arguments.model, card, &settings)
        .map_err(|unavailable| anyhow::anyhow!(unavailable.reason))?;
    let options = Options {
        images: arguments.images,
        annotations: arguments.annotations,
        negatives: arguments.negatives,
        out: arguments.out,
    };
    let evaluation = evaluate(&detector, &options, |done, all| {
        if done % 20 == 0 || done == all {
            eprintln!("{done} of {all} photos");
        }
    })?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&evaluation.report)?);
    } else {
        print(&evaluation.report);
    }
    Ok(())
}

fn print(report: &Report) {
    println!("model             {} ({})", report.model.name, &report.model.sha256[..12]);
    println!("photos            {} damaged, {} clean", report.damaged_photos, report.clean_photos);
    println!("AP50              {:.1} (any class {:.1}; AP {:.1})", report.ap50, report.ap50_any_class, report.ap);
    for class in &report.per_class {
        let figure = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
        println!(
            "  {:<15} AP50 {:>5}  AP {:>5}  recall {:.2}  of {} boxes",
            class.class,
            figure(class.ap50),
            figure(class.ap),
            class.recall,
            class.truths
        );
    }
    println!("at score {:.2}     recall {:.3}, precision {:.3}", report.threshold, report.recall, report.precision);
    for at in &report.recall_at_false_alarms {
        println!(
            "  {:.2} false alarms per photo: recall {:.3} (score {:.3})",
            at.false_alarms_per_photo, at.recall, at.threshold
        );
    }
    println!("anything damaged? recall {:.3}, precision {:.3}", report.photo_recall, report.photo_precision);
    if let Some(alarms) = report.false_alarms_per_negative {
        println!("false alarms      {alarms:.3} per clean photo");
    }
    println!("time              {:.0} ms per photo", report.ms_per_photo);
    if !report.unmapped.is_empty() {
        println!("left out          {} (the card's `categories` do not name them)", report.unmapped.join(", "));
    }
}
