package catalog

import (
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// The system tables that come with a stored table, by what follows its name.
const (
	ProgressSuffix   = "$progress"   // windows and their state; answered from the progress board
	QuarantineSuffix = "$quarantine" // of native tables: events that could not be read
	LateSuffix       = "$late"       // of materialized tables: rows that came too late
)

// SystemTables gives the definitions of the tables that come with t.
func SystemTables(t *plan.Table) []*plan.Table {
	all := []*plan.Table{{Name: t.Name + ProgressSuffix, Kind: plan.System, Columns: columns(ProgressColumns), Comment: "how far " + t.Name + " is settled"}}
	if t.Kind == plan.Native && t.Options["quarantine"] != "off" {
		all = append(all, &plan.Table{Name: t.Name + QuarantineSuffix, Kind: plan.System, Columns: columns(connect.QuarantineColumns), Comment: "events for " + t.Name + " that could not be read"})
	}
	if t.Kind == plan.Materialized {
		all = append(all, &plan.Table{Name: t.Name + LateSuffix, StoredAs: t.StoredName() + LateSuffix, Kind: plan.System, Columns: columns(connect.LateColumns), Comment: "rows that came too late for " + t.Name})
	}
	return all
}

// Stored reports whether a table's rows are in the hot store.
func Stored(t *plan.Table) bool {
	switch t.Kind {
	case plan.Native:
		return t.Options["stored"] != "false"
	case plan.Materialized:
		return true
	case plan.System:
		return len(t.Name) <= len(ProgressSuffix) || t.Name[len(t.Name)-len(ProgressSuffix):] != ProgressSuffix
	case plan.External, plan.View:
	}
	return false
}

func columns(fields []value.Field) []plan.TableColumn {
	all := make([]plan.TableColumn, len(fields))
	for i, f := range fields {
		all[i] = plan.TableColumn{Name: f.Name, Type: f.Type}
	}
	return all
}

// ProgressColumns are the columns of every t$progress, a row a window.
var ProgressColumns = []value.Field{
	{Name: "window_start", Type: value.TimestampLTZOf(3)},
	{Name: "window_end", Type: value.TimestampLTZOf(3)},
	{Name: "state", Type: value.StringType},
	{Name: "blocked_by", Type: value.StringType},
	{Name: "revision", Type: value.BigIntType},
	{Name: "final_until", Type: value.TimestampLTZOf(3)}, // of the table
}
