//! Whether a model has the inputs and outputs that its card describes.

use ort::session::Session;
use ort::value::{TensorElementType, ValueType};

use super::{Card, Unavailable};

/// Compares what the model declares with what its card says.
pub(super) fn check(session: &Session, card: &Card) -> Result<(), Unavailable> {
    let input = session.inputs().iter().find(|input| input.name() == card.input.name);
    let input = input.ok_or_else(|| Unavailable::new(format!("the model has no input named {}", card.input.name)))?;
    let wanted = [1, 3, i64::from(card.input.height), i64::from(card.input.width)];
    tensor_fits("input", input.dtype(), &wanted)?;
    let output = session.outputs().iter().find(|output| output.name() == card.output.name);
    let output = output.ok_or_else(|| no_output(card))?;
    tensor_fits("output", output.dtype(), &output_shape(card))
}

fn tensor_fits(which: &str, declared: &ValueType, wanted: &[i64]) -> Result<(), Unavailable> {
    match declared {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } if fits(shape, wanted) => Ok(()),
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Err(wrong_shape(which, shape, wanted)),
        _ => Err(Unavailable::new(format!("the model's {which} is not 32-bit floating point"))),
    }
}

/// Whether a shape is the wanted one; a negative side is one that the model leaves open.
pub(super) fn fits(shape: &[i64], wanted: &[i64]) -> bool {
    shape.len() == wanted.len() && shape.iter().zip(wanted).all(|(side, want)| *side < 0 || side == want)
}

pub(super) fn output_shape(card: &Card) -> [i64; 3] {
    [1, card.rows() as i64, card.columns() as i64]
}

pub(super) fn wrong_shape(which: &str, shape: &[i64], wanted: &[i64]) -> Unavailable {
    Unavailable::new(format!("the model's {which} has the shape {shape:?}, but its card asks for {wanted:?}"))
}

pub(super) fn no_output(card: &Card) -> Unavailable {
    Unavailable::new(format!("the model has no output named {}", card.output.name))
}
