package connect

import "tidemark/base/value"

// QuarantineColumns are the columns of every t$quarantine: events that could
// not be read.
var QuarantineColumns = []value.Field{
	{Name: "received_at", Type: value.TimestampLTZOf(3)}, // when the event came
	{Name: "line", Type: value.BigIntType},               // which of its body, from 1; NULL for a record of the Kafka door
	{Name: "code", Type: value.StringType},
	{Name: "field", Type: value.StringType}, // the column, NULL when the event as a whole is wrong
	{Name: "message", Type: value.StringType},
	{Name: "partition", Type: value.IntType}, // of the Kafka door: where the record stands, without a row
	{Name: "offset", Type: value.BigIntType}, // the same
	{Name: "raw", Type: value.StringType},    // the event as it came, cut when very long
}

// LateColumns are the columns of every t$late: rows that came after their
// windows had fired.
var LateColumns = []value.Field{
	{Name: "event_time", Type: value.TimestampLTZOf(3)},
	{Name: "watermark", Type: value.TimestampLTZOf(3)}, // that had passed when the row came
	{Name: "row", Type: value.StringType},              // JSON of the columns the window saw
}
