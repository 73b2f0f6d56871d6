"""What a HealthMonitor keeps and measures.

connection_record    one connection's counts over a window
quality              how good it is, from 0 to 1
component_chart      one component: level, history, trends
clock_offset         how far the exchange's clock is from ours
clock_probe          asks for it
own_load             our own event loop and mailboxes
alert_book           alerts: begun, held back, said again, ended
alert_desk           says them
detail               all of it in plain types
"""
