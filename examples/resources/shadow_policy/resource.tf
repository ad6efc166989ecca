# Watch and score, and change nothing: how every group should begin.
resource "shadow_policy" "watch" {
  name = "watch"
}

# Stage a shadow as soon as a limit is likely to break within a day, and let it take over once that is near.
resource "shadow_policy" "careful" {
  name = "careful"
  mode = "full"

  horizons            = ["1h", "6h", "24h"]
  shadowing_threshold = 0.6
  critical_threshold  = 0.9

  # Three of the newest five evaluations must agree.
  evaluations = {
    required = 3
    window   = 5
  }

  # A twentieth of the traffic first; each step must look well three times before the next.
  shift = {
    steps         = [5, 25, 50]
    step_duration = "2m"
    passes        = 3
  }

  watch          = "30m"
  cooldown       = "6h"
  after_handover = "standby"
}
