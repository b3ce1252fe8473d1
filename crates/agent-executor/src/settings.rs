//! What an attempt's specification and this executor's configuration make of its runtime.

use coditect_gateway::Api;
use coditect_proto::v1::Specification;
use coditect_service::config::{
    ClaudeConfig, CodexConfig, CodexSandbox, ExecutorConfig, GeminiConfig, OpencodeApi, OpencodeConfig,
    Runtime as ConfiguredRuntime,
};

use crate::job::Runtime;
use crate::runtime::{Definition, claude, codex, gemini, opencode};
use crate::worker::max_cost_usd;

/// What is to be started in the worktree. `confines`: the executor bounds what a command sees of files.
///
/// # Errors
/// What is missing, and where it is set.
pub(crate) fn runtime(
    executor: &ExecutorConfig,
    specification: &Specification,
    confines: bool,
) -> Result<Runtime, String> {
    Ok(match executor.runtime {
        ConfiguredRuntime::Script => {
            let body = specification.script.clone().or_else(|| executor.script.clone()).ok_or_else(|| {
                format!(
                    "task {} has no fenced `sh` block, and there is no command for such tasks: add a block to the \
                     task, or set executor.script (`coditect up --script TEMPLATE`)",
                    specification.key
                )
            })?;
            Runtime::Script { body }
        }
        ConfiguredRuntime::Command if executor.command.is_empty() => {
            return Err("the runtime is `command`, and executor.command is empty: set it to a program".to_owned());
        }
        ConfiguredRuntime::Command => Runtime::Command { argv: executor.command.clone() },
        ConfiguredRuntime::ClaudeCode => Runtime::Claude(Box::new(claude(&executor.claude, specification))),
        ConfiguredRuntime::Codex => Runtime::Codex(Box::new(codex(&executor.codex, specification, confines))),
        ConfiguredRuntime::Gemini => Runtime::Gemini(Box::new(gemini(&executor.gemini, specification))),
        ConfiguredRuntime::Opencode => Runtime::Opencode(Box::new(opencode(&executor.opencode, specification))),
    })
}

/// How Claude Code is to be run.
fn claude(config: &ClaudeConfig, specification: &Specification) -> claude::Settings {
    let ClaudeConfig { program, model, max_turns, permission_mode, allowed_tools } = config;
    claude::Settings {
        program: program.clone(),
        model: model.clone(),
        max_turns: *max_turns,
        max_cost_usd: max_cost_usd(specification).to_string(),
        permission_mode: permission_mode.as_str().to_owned(),
        allowed_tools: allowed_tools.clone(),
        definition: definition(specification),
    }
}

/// How Codex is to be run.
fn codex(config: &CodexConfig, specification: &Specification, confines: bool) -> codex::Settings {
    let CodexConfig { program, model, max_turns, sandbox } = config;
    // Measured with 0.169: its own sandbox runs no command within ours.
    let usual = if confines { CodexSandbox::DangerFullAccess } else { CodexSandbox::WorkspaceWrite };
    codex::Settings {
        program: program.clone(),
        model: model.clone(),
        max_turns: *max_turns,
        sandbox: sandbox.unwrap_or(usual).as_str().to_owned(),
        definition: definition(specification),
    }
}

/// How Gemini CLI is to be run.
fn gemini(config: &GeminiConfig, specification: &Specification) -> gemini::Settings {
    let GeminiConfig { program, model, max_turns, allowed_tools } = config;
    gemini::Settings {
        program: program.clone(),
        model: model.clone(),
        max_turns: *max_turns,
        allowed_tools: allowed_tools.clone(),
        definition: definition(specification),
    }
}

/// How opencode is to be run.
fn opencode(config: &OpencodeConfig, specification: &Specification) -> opencode::Settings {
    let OpencodeConfig { program, api, model, max_turns, allowed_tools } = config;
    opencode::Settings {
        program: program.clone(),
        model: model.clone(),
        api: match api {
            OpencodeApi::Anthropic => Api::Anthropic,
            OpencodeApi::Openai => Api::OpenAi,
            OpencodeApi::Gemini => Api::Gemini,
        },
        max_turns: *max_turns,
        allowed_tools: allowed_tools.clone(),
        definition: definition(specification),
    }
}

/// The agent of an attempt, if it was given one.
fn definition(specification: &Specification) -> Option<Definition> {
    specification.definition.clone().map(|definition| Definition {
        name: definition.name,
        description: definition.description,
        prompt: definition.prompt,
        model: definition.model.filter(|model| !model.is_empty()),
        tools: definition.tools,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codex_confines_its_commands_itself_only_where_the_executor_does_not() {
        let sandbox = |sandbox, confines| {
            codex(&CodexConfig { sandbox, ..CodexConfig::default() }, &Specification::default(), confines).sandbox
        };
        assert_eq!(sandbox(None, true), "danger-full-access");
        assert_eq!(sandbox(None, false), "workspace-write");
        assert_eq!(sandbox(Some(CodexSandbox::ReadOnly), true), "read-only");
    }
}
