import {
  to = shadow_calendar.sales
  identity = {
    name = "sales"
  }
}
