# The id of a process is its name. The provider's agent is asked for it.
terraform import shadow_process.sessions sessions
