//! A detector without training: it finds the two paints that
//! [`picture`](super::picture) uses for damage, and nothing else.
//!
//! It is a real ONNX graph with a real YOLOX output, so everything around a
//! trained model can be shown and tested without one. It is of no use on photos.

mod onnx;

use onnx::{Attribute, Graph};

/// Side of the input in pixels.
const SIDE: usize = 416;

/// Pixels that one step of the coarse maps covers.
const COARSE: usize = 4;

/// How far around itself a cell looks, in pixels: marks up to about a third of the picture.
const REACH: usize = 144;

/// Pixels of paint below which nothing is reported.
const LEAST: f32 = 5.0;

/// One level of the output. The finest reports nothing, the next scratches, the last dents.
struct Level {
    stride: usize,
    /// How strongly red, green and blue speak for the paint, and the threshold.
    paint: [f32; 4],
    class: usize,
}

const SILENT: usize = 8;
const LEVELS: [Level; 2] = [
    // Much red and blue, little green: violet.
    Level { stride: 16, paint: [1.0, -2.0, 1.0, -0.95], class: 0 },
    // Much green, little red and blue.
    Level { stride: 32, paint: [-1.0, 2.0, -1.0, -0.85], class: 1 },
];

/// The model file.
pub fn onnx() -> Vec<u8> {
    file(0)
}

/// The same model, which first does so many things in vain that take many seconds each.
pub fn slow(steps: usize) -> Vec<u8> {
    file(steps)
}

fn file(detours: usize) -> Vec<u8> {
    let mut graph = Graph::new();
    let cells = (SIDE / SILENT) * (SIDE / SILENT);
    graph.constant("silent", &[1, 7, cells], vec![0.0; 7 * cells]);
    graph.constant("right", &[1, 1, 1, SIDE], (1..=SIDE).map(|x| x as f32).collect());
    graph.constant("below", &[1, 1, SIDE, 1], (1..=SIDE).map(|y| y as f32).collect());
    graph.constant("left", &[1, 1, 1, SIDE], (0..SIDE).map(|x| (SIDE - x) as f32).collect());
    graph.constant("above", &[1, 1, SIDE, 1], (0..SIDE).map(|y| (SIDE - y) as f32).collect());
    graph.constant("side", &[1], vec![SIDE as f32]);

    let mut rows = vec!["silent".to_owned()];
    rows.extend(LEVELS.iter().map(|level| reported(&mut graph, level)));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    graph.node("Concat", &rows, "rows", &[("axis", Attribute::Int(2))]);
    let rows = delayed(&mut graph, "rows", detours);
    graph.node("Transpose", &[&rows], "output", &[("perm", Attribute::Ints(&[0, 2, 1]))]);
    let all = cells + LEVELS.iter().map(|level| (SIDE / level.stride).pow(2)).sum::<usize>();
    graph.file(("images", &[1, 3, SIDE, SIDE]), ("output", &[1, all, 7]))
}

/// The card that belongs to the model file, with the hash of it.
pub fn card(sha256: &str) -> String {
    format!(
        r#"{{
  "name": "tiny",
  "layout": "yolox",
  "sha256": "{sha256}",
  "classes": ["scratch", "dent"],
  "input": {{ "name": "images", "width": {SIDE}, "height": {SIDE}, "mean": [0, 0, 0], "std": [1, 1, 1], "fill": 114 }},
  "output": {{ "name": "output", "strides": [8, 16, 32] }},
  "thresholds": {{ "low": 0.2, "score": 0.4, "nms": 0.5 }},
  "about": "Finds the marks on the pictures that this project draws. Of no use on photos."
}}
"#
    )
}

/// Adds nothing to `rows`, by as many averages over a third of the picture around each pixel.
fn delayed(graph: &mut Graph, rows: &str, detours: usize) -> String {
    if detours == 0 {
        return rows.to_owned();
    }
    let (reach, pad) = (REACH as i64 + 1, REACH as i64 / 2);
    let around = [("kernel_shape", Attribute::Ints(&[reach; 2])), ("pads", Attribute::Ints(&[pad; 4]))];
    let mut last = "images".to_owned();
    for detour in 0..detours {
        let next = format!("detour{detour}");
        graph.node("AveragePool", &[&last], &next, &around);
        last = next;
    }
    graph.constant("never", &[1, 3, 1, 1], vec![0.0; 3]);
    graph.node("Conv", &[&last, "never"], "vain", &[]);
    graph.node("GlobalMaxPool", &["vain"], "nothing", &[]);
    graph.shape("one", &[1, 1, 1]);
    graph.node("Reshape", &["nothing", "one"], "naught", &[]);
    graph.node("Add", &[rows, "naught"], "delayed", &[]);
    "delayed".to_owned()
}

/// Adds the nodes of one level and names its rows, `1×7×cells`.
fn reported(graph: &mut Graph, level: &Level) -> String {
    let name = |part: &str| format!("{part}{}", level.stride);
    let painted = paint(graph, level);
    let edge = |graph: &mut Graph, ramp: &str| {
        let (far, pooled) = (name(ramp), name(&format!("{ramp}most")));
        graph.node("Mul", &[&painted, ramp], &far, &[]);
        pool(graph, level, "MaxPool", &far, &pooled);
        pooled
    };
    let (right, below) = (edge(graph, "right"), edge(graph, "below"));
    let (left, above) = (edge(graph, "left"), edge(graph, "above"));
    let (left, above) = (mirrored(graph, &left), mirrored(graph, &above));
    let horizontal = extent(graph, level, &left, &right, "across");
    let vertical = extent(graph, level, &above, &below, "down");
    let score = score(graph, level, &painted);
    let cells = (SIDE / level.stride).pow(2);
    let mut classes = vec![0.0; 2 * cells];
    classes[level.class * cells..][..cells].fill(1.0);
    let (side, columns) = (SIDE / level.stride, name("columns"));
    graph.constant(&name("classes"), &[1, 2, side, side], classes);
    let parts = [&horizontal.0, &vertical.0, &horizontal.1, &vertical.1, &score, &name("classes")];
    graph.node("Concat", &parts.map(String::as_str), &columns, &[("axis", Attribute::Int(1))]);
    graph.shape(&name("flat"), &[1, 7, cells as i64]);
    graph.node("Reshape", &[&columns, &name("flat")], &name("rows"), &[]);
    name("rows")
}

/// A map that is 1 where the picture has the level's paint and 0 elsewhere.
fn paint(graph: &mut Graph, level: &Level) -> String {
    let name = |part: &str| format!("{part}{}", level.stride);
    let [red, green, blue, threshold] = level.paint;
    graph.constant(&name("weight"), &[1, 3, 1, 1], vec![red, green, blue]);
    graph.constant(&name("bias"), &[1], vec![threshold]);
    graph.node("Conv", &["images", &name("weight"), &name("bias")], &name("likeness"), &[]);
    graph.node("Relu", &[&name("likeness")], &name("above0"), &[]);
    graph.node("Sign", &[&name("above0")], &name("painted"), &[]);
    name("painted")
}

/// Pools a map over the reach of each cell, in two steps because one would be slow.
fn pool(graph: &mut Graph, level: &Level, kind: &str, from: &str, to: &str) {
    let ints = |value: usize| [value as i64, value as i64];
    let coarse = format!("{to}coarse");
    let step = ints(COARSE);
    graph.node(
        kind,
        &[from],
        &coarse,
        &[("kernel_shape", Attribute::Ints(&step)), ("strides", Attribute::Ints(&step))],
    );
    let pad = ((REACH - level.stride) / 2 / COARSE) as i64;
    let mut attributes = vec![
        ("kernel_shape", Attribute::Ints(&[(REACH / COARSE) as i64; 2])),
        ("strides", Attribute::Ints(&[0; 2])),
        ("pads", Attribute::Ints(&[0; 4])),
    ];
    let (stride, pads) = (ints(level.stride / COARSE), [pad; 4]);
    attributes[1].1 = Attribute::Ints(&stride);
    attributes[2].1 = Attribute::Ints(&pads);
    if kind == "AveragePool" {
        attributes.push(("count_include_pad", Attribute::Int(1)));
    }
    graph.node(kind, &[&coarse], to, &attributes);
}

/// `side − value`: the ramps that grow leftwards and upwards, counted from the other edge.
fn mirrored(graph: &mut Graph, value: &str) -> String {
    let name = format!("{value}mirrored");
    graph.node("Sub", &["side", value], &name, &[]);
    name
}

/// Centre and size along one axis as YOLOX writes them: an offset from the cell
/// in cells, and the logarithm of cells.
fn extent(graph: &mut Graph, level: &Level, from: &str, to: &str, axis: &str) -> (String, String) {
    let name = |part: &str| format!("{axis}{part}{}", level.stride);
    let side = SIDE / level.stride;
    let cell = |at: usize| (if axis == "across" { at % side } else { at / side }) as f32;
    graph.constant(&name("cell"), &[1, 1, side, side], (0..side * side).map(cell).collect());
    graph.constant(&name("stride"), &[1], vec![level.stride as f32]);
    graph.constant(&name("twice"), &[1], vec![2.0 * level.stride as f32]);
    graph.node("Add", &[from, to], &name("sum"), &[]);
    graph.node("Div", &[&name("sum"), &name("twice")], &name("centre"), &[]);
    graph.node("Sub", &[&name("centre"), &name("cell")], &name("offset"), &[]);
    graph.constant(&name("least"), &[], vec![1.0]);
    graph.constant(&name("most"), &[], vec![SIDE as f32]);
    graph.node("Sub", &[to, from], &name("length"), &[]);
    graph.node("Clip", &[&name("length"), &name("least"), &name("most")], &name("clipped"), &[]);
    graph.node("Div", &[&name("clipped"), &name("stride")], &name("cells"), &[]);
    graph.node("Log", &[&name("cells")], &name("size"), &[]);
    (name("offset"), name("size"))
}

/// More paint, more sure; and only the cells that see the most paint around them speak.
fn score(graph: &mut Graph, level: &Level, painted: &str) -> String {
    let name = |part: &str| format!("{part}{}", level.stride);
    pool(graph, level, "AveragePool", painted, &name("share"));
    graph.constant(&name("area"), &[1], vec![(REACH * REACH) as f32]);
    graph.node("Mul", &[&name("share"), &name("area")], &name("pixels"), &[]);

    let window = [("kernel_shape", Attribute::Ints(&[5, 5])), ("pads", Attribute::Ints(&[2, 2, 2, 2]))];
    graph.node("MaxPool", &[&name("pixels")], &name("around"), &window);
    graph.node("Sub", &[&name("pixels"), &name("around")], &name("less"), &[]);
    for (part, value) in [("one", 1.0), ("minusone", -1.0), ("zero", 0.0), ("sure", 0.97)] {
        graph.constant(&name(part), &[], vec![value]);
    }
    // One pixel less than the best neighbour silences a cell; rounding does not.
    graph.node("Clip", &[&name("less"), &name("minusone"), &name("zero")], &name("silence"), &[]);
    graph.node("Add", &[&name("silence"), &name("one")], &name("best"), &[]);

    for (part, value) in [("least", -LEAST), ("slope", 0.004), ("base", 0.35)] {
        graph.constant(&name(part), &[1], vec![value]);
    }
    graph.node("Mul", &[&name("pixels"), &name("slope")], &name("grown"), &[]);
    graph.node("Add", &[&name("grown"), &name("base")], &name("raised"), &[]);
    graph.node("Clip", &[&name("raised"), &name("zero"), &name("sure")], &name("trust"), &[]);
    graph.node("Add", &[&name("pixels"), &name("least")], &name("enough"), &[]);
    graph.node("Relu", &[&name("enough")], &name("enough0"), &[]);
    graph.node("Sign", &[&name("enough0")], &name("seen"), &[]);
    graph.node("Mul", &[&name("trust"), &name("seen")], &name("claimed"), &[]);
    graph.node("Mul", &[&name("claimed"), &name("best")], &name("score"), &[]);
    name("score")
}
