//! A model as its JSON writes it.
//!
//! Names are read in snake case and in camel case. Unknown fields are ignored, as `OpenFGA` does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An authorization model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Given by the store when the model is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `1.1`, or `1.2` for a model made of modules.
    #[serde(default, alias = "schemaVersion")]
    pub schema_version: String,
    /// The types, in the order written.
    #[serde(default, alias = "typeDefinitions")]
    pub type_definitions: Vec<TypeSpec>,
    /// The conditions by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, ConditionSpec>,
}

/// A type of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeSpec {
    /// Its name.
    #[serde(rename = "type", default)]
    pub name: String,
    /// How each relation comes about.
    #[serde(default, deserialize_with = "or_default")]
    pub relations: BTreeMap<String, RewriteSpec>,
    /// Who can be related directly, and where it was written.
    #[serde(default)]
    pub metadata: Option<TypeMetadata>,
}

/// What is known of a type besides its relations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeMetadata {
    /// By relation.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub relations: BTreeMap<String, RelationMetadata>,
    /// Module and file.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What is known of a relation besides its rewrite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationMetadata {
    /// Who can be related directly.
    #[serde(default, alias = "directlyRelatedUserTypes")]
    pub directly_related_user_types: Vec<Restriction>,
    /// Module and file, where they are not those of the type.
    #[serde(flatten)]
    pub origin: Origin,
}

/// The module and file that something was written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The module.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// The file.
    #[serde(default, alias = "sourceInfo", skip_serializing_if = "Option::is_none")]
    pub source_info: Option<SourceInfo>,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Its name.
    #[serde(default)]
    pub file: String,
}

/// Users that can be related directly: a type, every user of it, or a userset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restriction {
    /// The type.
    #[serde(rename = "type", default)]
    pub name: String,
    /// The relation of a userset.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "non_empty"
    )]
    pub relation: Option<String>,
    /// Every user of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wildcard: Option<Empty>,
    /// The condition that their tuples must name.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "non_empty"
    )]
    pub condition: Option<String>,
}

/// An object without fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Empty {}

/// How a relation comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteSpec {
    /// By its own tuples.
    This,
    /// As another relation of the same object.
    Computed(String),
    /// As the relation `computed` of the objects that `tupleset` leads to.
    TupleToUserset {
        /// The relation to follow.
        tupleset: String,
        /// The relation there.
        computed: String,
    },
    /// By any of these.
    Union(Vec<RewriteSpec>),
    /// By all of these.
    Intersection(Vec<RewriteSpec>),
    /// By the first but not by the second.
    Difference(Box<[RewriteSpec; 2]>),
}

/// A condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionSpec {
    /// Its name, the same as its key.
    #[serde(default)]
    pub name: String,
    /// CEL.
    #[serde(default)]
    pub expression: String,
    /// The types of its parameters.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, ParameterSpec>,
    /// Module and file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Origin>,
}

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterSpec {
    /// The type.
    #[serde(alias = "typeName")]
    pub type_name: TypeName,
    /// The type of the items of a list or map.
    #[serde(default, alias = "genericTypes", skip_serializing_if = "Vec::is_empty")]
    pub generic_types: Vec<ParameterSpec>,
}

macro_rules! type_names {
    ($($(#[$doc:meta])* $variant:ident = $json:literal, $dsl:literal,)*) => {
        /// The name of a parameter's type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum TypeName {
            $($(#[$doc])* #[serde(rename = $json)] $variant,)*
        }

        impl TypeName {
            /// The spelling in the DSL.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $dsl,)* }
            }

            /// The type of this spelling in the DSL.
            pub fn from_dsl(text: &str) -> Option<Self> {
                match text { $($dsl => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

type_names! {
    /// Any JSON value.
    Any = "TYPE_NAME_ANY", "any",
    /// A truth value.
    Bool = "TYPE_NAME_BOOL", "bool",
    /// Text.
    String = "TYPE_NAME_STRING", "string",
    /// A signed integer.
    Int = "TYPE_NAME_INT", "int",
    /// An unsigned integer.
    Uint = "TYPE_NAME_UINT", "uint",
    /// A float.
    Double = "TYPE_NAME_DOUBLE", "double",
    /// A length of time, such as `1h30m`.
    Duration = "TYPE_NAME_DURATION", "duration",
    /// A point in time (RFC 3339).
    Timestamp = "TYPE_NAME_TIMESTAMP", "timestamp",
    /// Values by text.
    Map = "TYPE_NAME_MAP", "map",
    /// Values in order.
    List = "TYPE_NAME_LIST", "list",
    /// An IPv4 or IPv6 address.
    IpAddress = "TYPE_NAME_IPADDRESS", "ipaddress",
}

impl ParameterSpec {
    /// A type without items.
    pub const fn plain(type_name: TypeName) -> Self {
        Self {
            type_name,
            generic_types: Vec::new(),
        }
    }
}

impl TypeSpec {
    /// The restrictions of `relation`.
    pub fn restrictions(&self, relation: &str) -> &[Restriction] {
        let metadata = self.metadata.as_ref();
        let relation = metadata.and_then(|metadata| metadata.relations.get(relation));
        relation.map_or(&[], |relation| &relation.directly_related_user_types)
    }
}

impl RewriteSpec {
    /// The rewrites right below this one.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::Union(children) | Self::Intersection(children) => children,
            Self::Difference(pair) => pair.as_slice(),
            Self::This | Self::Computed(_) | Self::TupleToUserset { .. } => &[],
        }
    }

    /// Whether its own tuples count anywhere in it.
    pub fn has_this(&self) -> bool {
        matches!(self, Self::This) || self.children().iter().any(Self::has_this)
    }
}

/// A rewrite as protocol buffers' JSON writes one: one field of six.
#[derive(Default, Serialize, Deserialize)]
struct RewriteFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    this: Option<Empty>,
    #[serde(
        rename = "computedUserset",
        alias = "computed_userset",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    computed: Option<RelationField>,
    #[serde(
        rename = "tupleToUserset",
        alias = "tuple_to_userset",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    tuple_to_userset: Option<TupleToUsersetFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    union: Option<Children>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intersection: Option<Children>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    difference: Option<DifferenceFields>,
}

#[derive(Serialize, Deserialize)]
struct RelationField {
    #[serde(default)]
    relation: String,
}

#[derive(Serialize, Deserialize)]
struct TupleToUsersetFields {
    #[serde(rename = "computedUserset", alias = "computed_userset")]
    computed: RelationField,
    tupleset: RelationField,
}

#[derive(Serialize, Deserialize)]
struct Children {
    #[serde(default)]
    child: Vec<RewriteSpec>,
}

#[derive(Serialize, Deserialize)]
struct DifferenceFields {
    base: Box<RewriteSpec>,
    subtract: Box<RewriteSpec>,
}

impl Serialize for RewriteSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let relation = |relation: &String| RelationField {
            relation: relation.clone(),
        };
        let mut fields = RewriteFields::default();
        match self {
            Self::This => fields.this = Some(Empty {}),
            Self::Computed(name) => fields.computed = Some(relation(name)),
            Self::TupleToUserset { tupleset, computed } => {
                fields.tuple_to_userset = Some(TupleToUsersetFields {
                    computed: relation(computed),
                    tupleset: relation(tupleset),
                });
            }
            Self::Union(child) => {
                fields.union = Some(Children {
                    child: child.clone(),
                });
            }
            Self::Intersection(child) => {
                fields.intersection = Some(Children {
                    child: child.clone(),
                });
            }
            Self::Difference(pair) => {
                let [base, subtract] = (**pair).clone();
                fields.difference = Some(DifferenceFields {
                    base: Box::new(base),
                    subtract: Box::new(subtract),
                });
            }
        }
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RewriteSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = RewriteFields::deserialize(deserializer)?;
        let mut found = Vec::new();
        found.extend(fields.this.map(|_| Self::This));
        found.extend(
            fields
                .computed
                .map(|computed| Self::Computed(computed.relation)),
        );
        found.extend(fields.tuple_to_userset.map(|both| Self::TupleToUserset {
            tupleset: both.tupleset.relation,
            computed: both.computed.relation,
        }));
        found.extend(fields.union.map(|union| Self::Union(union.child)));
        found.extend(
            fields
                .intersection
                .map(|both| Self::Intersection(both.child)),
        );
        found.extend(
            fields
                .difference
                .map(|pair| Self::Difference(Box::new([*pair.base, *pair.subtract]))),
        );
        match (found.pop(), found.is_empty()) {
            (Some(rewrite), true) => Ok(rewrite),
            _ => Err(serde::de::Error::custom(
                "a rewrite is exactly one of its kinds",
            )),
        }
    }
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Protocol buffers do not tell empty text from none.
fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

impl ModelSpec {
    /// The modules that the model is made of, sorted.
    pub fn modules(&self) -> Vec<&str> {
        let types = self
            .type_definitions
            .iter()
            .filter_map(|spec| spec.metadata.as_ref());
        let origins = types.flat_map(|metadata| {
            let relations = metadata.relations.values().map(|relation| &relation.origin);
            relations.chain([&metadata.origin])
        });
        let conditions = self
            .conditions
            .values()
            .filter_map(|spec| spec.metadata.as_ref());
        let names = origins
            .chain(conditions)
            .map(|origin| origin.module.as_str());
        let names: BTreeSet<_> = names.filter(|name| !name.is_empty()).collect();
        names.into_iter().collect()
    }
}
