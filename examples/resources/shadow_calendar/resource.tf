resource "shadow_calendar" "sales" {
  name = "sales"

  events = {
    # The whole day, in the time zone of the customers.
    black_friday = {
      kind      = "campaign"
      dates     = ["2026-11-27", "2027-11-26"]
      time_zone = "America/New_York"
      factor    = 3
    }

    # Little is done on these days.
    christmas = {
      kind      = "holiday"
      dates     = ["2026-12-25", "2026-12-26"]
      time_zone = "Europe/Berlin"
      factor    = 0.2
    }

    # Every Monday morning for an hour.
    newsletter = {
      kind      = "campaign"
      cron      = "0 9 * * MON"
      time_zone = "Europe/Berlin"
      duration  = "1h"
      factor    = 1.5
    }
  }

  groups = ["checkout"]
}
