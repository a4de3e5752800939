//! Bodies of known interfaces: which texts they carry, and where those reach the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Channel;
use crate::Channel::{Document, Output, System, Tool, ToolDescription, User};

/// A known interface. Requests and answers of one are read by the same selectors.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Chat completions of `OpenAI` and those who speak like it.
    OpenaiChat,
    /// Responses of `OpenAI`.
    OpenaiResponses,
    /// Messages of Anthropic.
    AnthropicMessages,
    /// What a server of the Model Context Protocol tells about itself: its instructions, tools,
    /// prompts and resources.
    McpLists,
    /// Calls of tools and their results, contents of resources and prompts.
    McpCalls,
    /// Every text of a body, as a tool's.
    AnyTool,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 6] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::AnthropicMessages,
        Self::McpLists,
        Self::McpCalls,
        Self::AnyTool,
    ];

    /// Its selectors with their channels. The first that means a text decides, so what names a role
    /// comes before what takes the rest.
    pub const fn selections(self) -> &'static [(&'static str, Channel)] {
        match self {
            Self::OpenaiChat => OPENAI_CHAT,
            Self::OpenaiResponses => OPENAI_RESPONSES,
            Self::AnthropicMessages => ANTHROPIC_MESSAGES,
            Self::McpLists => MCP_LISTS,
            Self::McpCalls => MCP_CALLS,
            Self::AnyTool => &[("$", Tool)],
        }
    }
}

const OPENAI_CHAT: &[(&str, Channel)] = &[
    ("$.messages[?@.role=='system'].content", System),
    ("$.messages[?@.role=='developer'].content", System),
    ("$.messages[?@.role=='tool'].content", Tool),
    ("$.messages[?@.role=='function'].content", Tool),
    ("$.messages[?@.role=='assistant'].content", Output),
    ("$.messages[?@.role=='assistant'].refusal", Output),
    ("$.messages[*].tool_calls[*].function.arguments", Output),
    ("$.messages[*].function_call.arguments", Output),
    ("$.messages[*].content", User),
    ("$.messages[*].name", User),
    ("$.tools", ToolDescription),
    ("$.functions", ToolDescription),
    ("$.prompt", User),
    ("$.input", User),
    ("$.choices[*].message.content", Output),
    ("$.choices[*].message.refusal", Output),
    ("$.choices[*].message.reasoning_content", Output),
    (
        "$.choices[*].message.tool_calls[*].function.arguments",
        Output,
    ),
    ("$.choices[*].message.function_call.arguments", Output),
    ("$.choices[*].text", Output),
];

const OPENAI_RESPONSES: &[(&str, Channel)] = &[
    ("$.instructions", System),
    ("$.input[?@.role=='system'].content", System),
    ("$.input[?@.role=='developer'].content", System),
    ("$.input[?@.role=='assistant'].content", Output),
    ("$.input[?@.type=='function_call'].arguments", Output),
    ("$.input[?@.type=='function_call_output'].output", Tool),
    ("$.input[?@.type=='mcp_call'].output", Tool),
    ("$.input[?@.type=='mcp_list_tools'].tools", ToolDescription),
    ("$.input[?@.type=='custom_tool_call_output'].output", Tool),
    ("$.input[?@.type=='reasoning'].summary", Output),
    ("$.input[*].content", User),
    ("$.input", User),
    ("$.prompt.variables", User),
    ("$.tools", ToolDescription),
    ("$.output[?@.type=='function_call'].arguments", Output),
    ("$.output[?@.type=='mcp_call'].output", Tool),
    ("$.output[?@.type=='mcp_list_tools'].tools", ToolDescription),
    ("$.output[*].content", Output),
    ("$.output[*].summary", Output),
];

const ANTHROPIC_MESSAGES: &[(&str, Channel)] = &[
    ("$.system", System),
    (
        "$.messages[*].content[?@.type=='tool_result'].content",
        Tool,
    ),
    (
        "$.messages[*].content[?@.type=='web_search_tool_result'].content",
        Document,
    ),
    ("$.messages[*].content[?@.type=='search_result']", Document),
    ("$.messages[*].content[?@.type=='document']", Document),
    ("$.messages[*].content[?@.type=='tool_use'].input", Output),
    ("$.messages[?@.role=='assistant'].content", Output),
    ("$.messages[?@.role=='system'].content", System),
    ("$.messages[*].content", User),
    ("$.tools", ToolDescription),
    ("$.content[?@.type=='tool_use'].input", Output),
    ("$.content[*].text", Output),
    ("$.content[*].thinking", Output),
];

const MCP_LISTS: &[(&str, Channel)] = &[
    ("$.result.instructions", ToolDescription),
    ("$.result.serverInfo", ToolDescription),
    ("$.result.tools", ToolDescription),
    ("$.result.prompts", ToolDescription),
    ("$.result.resources", ToolDescription),
    ("$.result.resourceTemplates", ToolDescription),
    ("$.error", ToolDescription),
    ("$[*].result.instructions", ToolDescription),
    ("$[*].result.tools", ToolDescription),
    ("$[*].result.prompts", ToolDescription),
    ("$[*].result.resources", ToolDescription),
    ("$[*].result.resourceTemplates", ToolDescription),
    ("$[*].error", ToolDescription),
];

const MCP_CALLS: &[(&str, Channel)] = &[
    ("$.params.arguments", Output),
    ("$.params.name", Output),
    ("$.params.uri", Output),
    ("$.params.messages", Tool),
    ("$.params.systemPrompt", Tool),
    ("$.params.message", Tool),
    ("$.result.content", Tool),
    ("$.result.structuredContent", Tool),
    ("$.result.contents", Document),
    ("$.result.messages", Document),
    ("$.error", Tool),
    ("$[*].params.arguments", Output),
    ("$[*].result.content", Tool),
    ("$[*].result.structuredContent", Tool),
    ("$[*].result.contents", Document),
    ("$[*].result.messages", Document),
    ("$[*].error", Tool),
];
