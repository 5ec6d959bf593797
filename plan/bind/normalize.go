package bind

import (
	"strings"

	"tidemark/plan"
)

// duplicateSetting is Flink's setting for changelogs whose changes may come
// twice, or lack the row before.
const duplicateSetting = "table.exec.source.cdc-events-duplicate"

// normalized is the rows of a scan of the table, one of each primary key at any
// time: the events of a native table replace each other, and so do those of an
// external one that say so, and changes that may come twice. A stored table is like that already.
func (b *binder) normalized(table *plan.Table, node plan.Node) plan.Node {
	if len(table.PrimaryKey) == 0 || !b.replaces(table) {
		return node
	}
	// Above scan all columns of the table are in their places.
	return &plan.Normalize{Input: node, Keys: table.PrimaryKey}
}

func (b *binder) replaces(table *plan.Table) bool {
	switch table.Kind {
	case plan.Native:
		return b.session.Expand
	case plan.External:
		if b.session.Replacing != nil && b.session.Replacing(table) {
			return true
		}
		return strings.EqualFold(b.session.Config[duplicateSetting], "true") && b.changing(table)
	default:
		return false
	}
}

// changing reports whether the events of an external table may take back earlier
// ones.
func (b *binder) changing(table *plan.Table) bool {
	return table.Kind == plan.External && b.session.Changing != nil && b.session.Changing(table)
}
