import {
  to = shadow_process.sessions
  id = "sessions"
}
