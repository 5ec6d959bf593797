package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/serve/httpapi"
)

// What is held of all partitions is one line for each holder; who has read everything
// holds nothing.
func TestPrintHolds(t *testing.T) {
	early, late := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	tables := []httpapi.TableSummary{
		{Name: "ads_minute"},
		{Name: "clicks", Log: &httpapi.TableLog{Holds: []httpapi.TableHold{
			{By: "savepoint ads_minute first", Partition: 0, Behind: 30, Since: &late},
			{By: "job ads_minute", Partition: 0, Behind: 2, Since: &late},
			{By: "savepoint ads_minute first", Partition: 1, Behind: 12, Since: &early},
			{By: "job dws_minute", Partition: 1},
		}}},
		{Name: "views", Log: &httpapi.TableLog{Holds: []httpapi.TableHold{{By: "job views", Partition: 0, Behind: 5, Since: &early}}}},
	}
	for name, want := range map[string]string{
		"": `
Held in the event log, whatever the retention, because somebody has not read it yet or may go back to it:
TABLE   EVENTS  SINCE, ABOUT          BY
clicks  42      2026-01-01T10:00:00Z  savepoint ads_minute first
clicks  2       2026-01-02T10:00:00Z  job ads_minute
views   5       2026-01-01T10:00:00Z  job views
`,
		"views": `
Held in the event log, whatever the retention, because somebody has not read it yet or may go back to it:
TABLE  EVENTS  SINCE, ABOUT          BY
views  5       2026-01-01T10:00:00Z  job views
`,
		"dws_minute": "",
	} {
		var printed strings.Builder
		if err := printHolds(&printed, holdsOf(tables, strings.Fields(name))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, printed.String()); diff != "" {
			t.Errorf("of job %q:\n%s", name, diff)
		}
	}
}
