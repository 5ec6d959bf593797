package nexmark

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed schema.sql queries/*.sql
var texts embed.FS

// Query is one of the workload's queries.
type Query struct {
	Name   string
	answer func(*events, *rows)
}

// Queries are those that the published workload has and whose answer is fixed.
// Left out are q10, which tests a sink, and q12 in processing time: q12_event is
// the same in event time. q11_group is q11 with the older session syntax, and
// q13_lookup is q13 as published, where q13 is a temporal join. p0 to p3 are
// pattern queries.
var Queries = []Query{
	{"q0", q0}, {"q1", q1}, {"q2", q2}, {"q3", q3}, {"q4", q4}, {"q5", q5}, {"q6", q6}, {"q7", q7}, {"q8", q8}, {"q9", q9},
	{"q11", q11}, {"q11_group", q11}, {"q12_event", q12}, {"q13", q13}, {"q13_lookup", q13}, {"q14", q14}, {"q15", q15}, {"q16", q16}, {"q17", q17},
	{"q18", q18}, {"q19", q19}, {"q20", q20}, {"q21", q21}, {"q22", q22}, {"q23", q23},
	{"p0", p0}, {"p1", p1}, {"p2", p2}, {"p3", p3},
}

// Named finds a query.
func Named(name string) (Query, bool) {
	for _, q := range Queries {
		if q.Name == name {
			return q, true
		}
	}
	return Query{}, false
}

// Title says what the query asks.
func (q Query) Title() string {
	first, _, _ := strings.Cut(read("queries/"+q.Name+".sql"), "\n")
	return strings.TrimPrefix(first, "-- ")
}

// Script is the query with the definitions that it needs, its last statement the
// SELECT. ${IN} stands for the file with the events, ${SIDE} for that with the
// side input.
func (q Query) Script() string { return read("schema.sql") + "\n" + read("queries/"+q.Name+".sql") }

func read(name string) string {
	text, err := texts.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("nexmark: %v", err))
	}
	return string(text)
}
