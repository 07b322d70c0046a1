//! As much of the ONNX file format as the tiny model needs: a protobuf message of
//! nodes and constants, written field by field. Field numbers are those of `onnx.proto`.

/// `ir_version` 8 and operator set 13: read by every ONNX Runtime since 1.14.
const FORMAT: u64 = 8;
const OPERATORS: u64 = 13;

const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// A node's setting.
#[derive(Clone, Copy)]
pub(super) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
}

/// A graph under construction.
pub(super) struct Graph {
    nodes: Message,
    constants: Message,
}

impl Graph {
    pub(super) fn new() -> Self {
        Self { nodes: Message::default(), constants: Message::default() }
    }

    /// Adds an operator with one output. Constants must be added too, in any order.
    pub(super) fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute<'_>)]) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.text(1, input));
        node.text(2, output);
        node.text(4, kind);
        for (name, value) in attributes {
            node.message(5, &attribute(name, *value));
        }
        self.nodes.message(1, &node);
    }

    /// Adds a constant of floats; an empty shape is a scalar.
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], values: Vec<f32>) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name} has another shape");
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape, FLOAT, &bytes);
    }

    /// Adds a shape for `Reshape`.
    pub(super) fn shape(&mut self, name: &str, sides: &[i64]) {
        let bytes: Vec<u8> = sides.iter().flat_map(|side| side.to_le_bytes()).collect();
        self.tensor(name, &[sides.len()], INT64, &bytes);
    }

    /// The whole file, with the names and shapes of its input and output.
    pub(super) fn file(self, input: (&str, &[usize]), output: (&str, &[usize])) -> Vec<u8> {
        let mut graph = self.nodes;
        graph.text(2, "tiny");
        graph.0.extend(self.constants.0);
        graph.message(11, &value(input));
        graph.message(12, &value(output));
        let mut operators = Message::default();
        operators.text(1, "");
        operators.number(2, OPERATORS);
        let mut model = Message::default();
        model.number(1, FORMAT);
        model.text(2, "forecourt");
        model.message(7, &graph);
        model.message(8, &operators);
        model.0
    }

    fn tensor(&mut self, name: &str, shape: &[usize], kind: u64, bytes: &[u8]) {
        let mut tensor = Message::default();
        shape.iter().for_each(|&side| tensor.number(1, side as u64));
        tensor.number(2, kind);
        tensor.text(8, name);
        tensor.bytes(9, bytes);
        self.constants.message(5, &tensor);
    }
}

fn attribute(name: &str, value: Attribute<'_>) -> Message {
    let mut attribute = Message::default();
    attribute.text(1, name);
    match value {
        Attribute::Int(value) => {
            attribute.number(3, value as u64);
            attribute.number(20, 2);
        }
        Attribute::Ints(values) => {
            values.iter().for_each(|&value| attribute.number(8, value as u64));
            attribute.number(20, 7);
        }
    }
    attribute
}

/// A named tensor of floats: `ValueInfoProto` around type around shape.
fn value((name, sides): (&str, &[usize])) -> Message {
    let mut shape = Message::default();
    for &side in sides {
        let mut dimension = Message::default();
        dimension.number(1, side as u64);
        shape.message(1, &dimension);
    }
    let (mut tensor, mut kind, mut value) = (Message::default(), Message::default(), Message::default());
    tensor.number(1, FLOAT);
    tensor.message(2, &shape);
    kind.message(1, &tensor);
    value.text(1, name);
    value.message(2, &kind);
    value
}

/// Protobuf's wire format: numbers as varints, everything else with its length.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
