package embedded

import (
	"tidemark/connect"
	"tidemark/plan"
)

// takesUpserts reports whether the table of a request needs no row before an update
// of the plan whose rows it takes.
func takesUpserts(t *plan.Table, r connect.Request, n plan.Node) bool {
	if t.Kind != plan.External {
		return false
	}
	c, err := connectorOf(t)
	if err != nil || c.Updates == nil {
		return false
	}
	switch c.Updates(r) {
	case connect.UpdatesAfter:
		return true
	case connect.UpdatesByKey:
		return plan.IsUpsertKey(n, r.PrimaryKey)
	case connect.UpdatesWhole:
	}
	return false
}

// upserts reports whether the job's table needs no row before an update: rows of
// stored tables are merged by key.
func (k *keeper) upserts() bool {
	t := k.job.Table
	if k.outside() {
		return takesUpserts(t, request(t, t.Written()), k.job.Plan)
	}
	return t.Kind == plan.Materialized && k.key != nil && plan.IsUpsertKey(k.job.Plan, k.key)
}

// changesOf is the kinds of change that a scan gives.
func changesOf(s *plan.Scan) plan.ChangeKinds {
	switch {
	case replaces(s.Table):
		return plan.UpdatesAfter | plan.Deletes
	case s.Changing || changes(s.Table):
		return plan.Inserts | plan.UpdatesBefore | plan.UpdatesAfter | plan.Deletes
	}
	return plan.Inserts
}

// changelogNotes are the notes of EXPLAIN CHANGELOG_MODE: what each node gives.
func changelogNotes(n plan.Node, upserts bool) func(plan.Node) []string {
	changelog := plan.NewChangelog(n, upserts, changesOf)
	return func(n plan.Node) []string { return []string{"changes: " + changelog.Kinds(n).String()} }
}
