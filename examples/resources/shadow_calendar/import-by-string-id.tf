import {
  to = shadow_calendar.sales
  id = "sales"
}
