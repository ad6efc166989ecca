terraform {
  required_providers {
    shadow = {
      source = "shadow-failover/shadow"
    }
  }
}

provider "shadow" {
  # The reconciler, which keeps the declarations and acts on them. Left out, it is SHADOW_ENDPOINT.
  endpoint = "http://127.0.0.1:9580"

  # The agent of the host, for shadow_process. Left out, it is SHADOW_AGENT.
  agent = "http://127.0.0.1:9590"

  # The token of both is best given as SHADOW_TOKEN, so that it is in no file.
}
