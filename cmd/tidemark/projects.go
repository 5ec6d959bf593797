package main

import (
	"context"
	"time"

	"tidemark/control/pipeline"
	"tidemark/serve/httpapi"
)

// projectsView shows the pipeline to the HTTP door, for projects that clients send.
type projectsView struct{ pipeline *pipeline.Pipeline }

// Plan tells what Apply would do.
func (v projectsView) Plan(ctx context.Context, r httpapi.ProjectRequest) (httpapi.ProjectPlan, error) {
	return planOf(ctx, r, v.pipeline.Foresee)
}

// Apply makes a project true.
func (v projectsView) Apply(ctx context.Context, r httpapi.ProjectRequest) (httpapi.ProjectPlan, error) {
	return planOf(ctx, r, v.pipeline.Apply)
}

func planOf(ctx context.Context, r httpapi.ProjectRequest, do func(context.Context, *pipeline.Project, bool) (pipeline.Foresight, error)) (httpapi.ProjectPlan, error) {
	project, err := pipeline.ReadProject(r.Files, r.Environment)
	if err != nil {
		return httpapi.ProjectPlan{}, err
	}
	f, err := do(ctx, project, r.Prune)
	if err != nil {
		return httpapi.ProjectPlan{}, err
	}
	shown := httpapi.ProjectPlan{Changes: f.Does(), Unchanged: f.Unchanged, Steps: make([]httpapi.ProjectStep, len(f.Steps))}
	for i, s := range f.Steps {
		shown.Steps[i] = stepOf(s)
	}
	return shown, nil
}

func stepOf(s pipeline.Step) httpapi.ProjectStep {
	shown := httpapi.ProjectStep{Action: string(s.Action), Kind: s.Kind, Name: s.Name, Because: s.Because, Millis: s.Took.Round(time.Millisecond).Milliseconds(), Warnings: s.Warnings}
	if !s.Position.IsZero() {
		at := httpapi.Position(s.Position)
		shown.Position = &at
	}
	for _, r := range s.Reads {
		reading := httpapi.ProjectReading{Table: r.Table, GoesOn: r.GoesOn}
		if r.Events >= 0 {
			reading.Events, reading.Bytes = &r.Events, &r.Bytes
		}
		shown.Reads = append(shown.Reads, reading)
	}
	for _, o := range s.Operators {
		shown.Operators = append(shown.Operators, httpapi.ProjectOperator{Operator: o.Operator, Unchanged: o.Unchanged, Kept: o.Kept, Replays: o.Because})
	}
	return shown
}
