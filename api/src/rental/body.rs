//! One address, two kinds of body: JSON, or a form with photos.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object,
    error::ContentTypeError,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::{ParseFromJSON, Type},
};
use rules::rental::Slot;

use crate::{shape, upload::Incoming};

/// What the instruments show.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Readings {
    /// Kilometres.
    pub(crate) odometer: i32,
    /// 0.0 empty to 1.0 full.
    pub(crate) fuel: f64,
    /// Staff only: why the odometer is right although it shows less than before, or far more. Written down.
    #[oai(validator(min_length = 3, max_length = 500))]
    pub(crate) odometer_correction: Option<String>,
}

/// An empty object.
#[derive(Debug, Object)]
#[oai(rename = "EmptyObject", deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A JSON body that may also come as a form.
pub(crate) trait OrForm: ParseFromJSON + Type {
    /// How many photos the form may hold.
    const MOST_PHOTOS: usize;

    /// The form as the contract describes it.
    fn form_schema() -> MetaSchemaRef;
}

impl OrForm for Readings {
    const MOST_PHOTOS: usize = Slot::ALL.len();

    fn form_schema() -> MetaSchemaRef {
        sides_schema(false)
    }
}

impl OrForm for Nothing {
    const MOST_PHOTOS: usize = Slot::ALL.len();

    fn form_schema() -> MetaSchemaRef {
        sides_schema(true)
    }
}

/// A JSON body, read, or a form, still to be read.
pub(crate) enum JsonOrForm<J> {
    Json(J),
    Form(Incoming),
}

const FORM: &str = "multipart/form-data";

fn number(ty: &'static str, format: &'static str, description: &'static str) -> MetaSchemaRef {
    let schema =
        MetaSchema { description: Some(description), minimum: Some(0.0), ..MetaSchema::new_with_format(ty, format) };
    MetaSchemaRef::Inline(Box::new(schema))
}

pub(crate) fn photo() -> MetaSchemaRef {
    let description =
        Some("JPEG, PNG or WebP, at most 15 MB, at least 1024 pixels on the longer side and 480 on the other.");
    let schema = MetaSchema { description, ..MetaSchema::new_with_format("string", "binary") };
    MetaSchemaRef::Inline(Box::new(schema))
}

fn sides_schema(photos_required: bool) -> MetaSchemaRef {
    let mut schema = MetaSchema::new("object");
    schema.properties = vec![
        ("odometer", number("integer", "int32", "Kilometres.")),
        ("fuel", number("number", "double", "0.0 empty to 1.0 full.")),
    ];
    schema.required = vec!["odometer", "fuel"];
    let description = Some("Staff only: why the odometer is right although it does not fit its last reading.");
    let correction =
        MetaSchema { description, min_length: Some(3), max_length: Some(500), ..MetaSchema::new("string") };
    schema.properties.push(("odometerCorrection", MetaSchemaRef::Inline(Box::new(correction))));
    if photos_required {
        let description = Some("`true` takes the photos as they are, without asking once for better ones.");
        let schema_ref = MetaSchema { description, ..MetaSchema::new("boolean") };
        schema.properties.push(("acceptAsIs", MetaSchemaRef::Inline(Box::new(schema_ref))));
    }
    for slot in Slot::ALL {
        schema.properties.push((slot.as_str(), photo()));
        if photos_required {
            schema.required.push(slot.as_str());
        }
    }
    MetaSchemaRef::Inline(Box::new(schema))
}

impl<'a, J: OrForm> ApiExtractor<'a> for JsonOrForm<J> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        J::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![shape::content::<J>(), MetaMediaType { content_type: FORM, schema: J::form_schema() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let Some(content_type) = request.content_type() else {
            return Err(ContentTypeError::ExpectContentType.into());
        };
        if shape::is_json(content_type) {
            Ok(Self::Json(shape::read(request, body).await?))
        } else if content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM)) {
            Ok(Self::Form(Incoming::open(request, body, J::MOST_PHOTOS as u64).await?))
        } else {
            Err(ContentTypeError::NotSupported { content_type: content_type.to_owned() }.into())
        }
    }
}
