package job

import "tidemark/plan"

// changelog infers which changes the nodes of the plan give.
func (c *compiler) changelog() *plan.Changelog {
	return plan.NewChangelog(c.spec.Plan, c.spec.Upserts, func(s *plan.Scan) plan.ChangeKinds {
		if s.Changing || c.spec.Updating[s] {
			return plan.Inserts | plan.UpdatesBefore | plan.UpdatesAfter | plan.Deletes
		}
		return plan.Inserts
	})
}

// upserts reports whether an element shows updates by the row after them alone.
func (b *blueprint) upserts(e *element) bool {
	return b.changelog != nil && e.node != nil && b.changelog.LeavesBeforeOut(e.node)
}
