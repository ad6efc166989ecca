# The id of a calendar is its name.
terraform import shadow_calendar.sales sales
