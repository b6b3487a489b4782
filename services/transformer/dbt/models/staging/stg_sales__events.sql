{{ sales_events() }}
