package pipeline

import (
	"context"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/target"
)

// insert keeps a job that writes to an external table, for as long as the project
// has the statement: it is not in the catalog, and a start without it does not
// run the job. Its state stays, so that it goes on when the statement is back.
func (p *Pipeline) insert(ctx context.Context, session bind.Session, s *sql.Insert) error {
	job, err := insertion(p.catalog, session, s)
	if err != nil {
		return err
	}
	return p.target.Keep(ctx, job)
}

// insertion plans the job of an INSERT.
func insertion(c bind.Catalog, session bind.Session, s *sql.Insert) (target.Job, error) {
	node, t, err := bind.Insert(c, session, s)
	if err != nil {
		return target.Job{}, err
	}
	if t.Kind != plan.External {
		return target.Job{}, problem.New(problem.Unsupported, "a job cannot insert into %s, which is stored here", t.Name).At(s.Pos()).
			WithHint("CREATE MATERIALIZED TABLE … AS SELECT …")
	}
	optimized, _ := rewrite.Optimize(node)
	return target.Job{Table: t, Plan: optimized, Zone: session.Zone, Upstream: lineage.Of(optimized).Tables}, nil
}
