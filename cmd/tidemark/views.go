package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"tidemark/serve/httpapi"
	"tidemark/target"
)

// savepointsView shows the jobs' savepoints to the HTTP door.
type savepointsView struct{ jobs target.Saving }

func savepointOf(s target.Savepoint) httpapi.Savepoint {
	return httpapi.Savepoint{Name: s.Name, Job: s.Table, Automatic: s.Automatic, Epoch: uint64(s.Epoch), TakenAt: s.Taken, Bytes: s.Bytes, Fits: s.Fits}
}

func savepointsOf(all []target.Savepoint) []httpapi.Savepoint {
	shown := make([]httpapi.Savepoint, len(all))
	for i, s := range all {
		shown[i] = savepointOf(s)
	}
	return shown
}

// Save keeps the present moment of a job.
func (v savepointsView) Save(ctx context.Context, job, name string) (httpapi.Savepoint, error) {
	s, err := v.jobs.Save(ctx, job, name)
	return savepointOf(s), err
}

// List gives what there is of a job.
func (v savepointsView) List(job string) ([]httpapi.Savepoint, error) {
	all, err := v.jobs.Savepoints(job)
	return savepointsOf(all), err
}

// Restore takes a job back.
func (v savepointsView) Restore(ctx context.Context, job, name string) error {
	return v.jobs.Restore(ctx, job, name)
}

// Forget removes a savepoint.
func (v savepointsView) Forget(ctx context.Context, job, name string) error {
	return v.jobs.Forget(ctx, job, name)
}

// Export opens a savepoint's file.
func (v savepointsView) Export(job, name string) (io.ReadCloser, error) {
	return v.jobs.Export(job, name)
}

// Import keeps a file that was exported.
func (v savepointsView) Import(ctx context.Context, job, name string, file io.Reader) (httpapi.Savepoint, error) {
	s, err := v.jobs.Import(ctx, job, name, file)
	return savepointOf(s), err
}

// describeUpgrade fills in how the building of a table's next version goes.
func describeUpgrade(j *httpapi.JobStatus, u *target.Upgrade) {
	if u == nil {
		return
	}
	j.Upgrade = &httpapi.Upgrade{Phase: string(u.Phase), Began: u.Began, Replayed: u.Replayed, Total: u.Total}
	if u.Compared != nil {
		c := httpapi.Comparison(*u.Compared)
		j.Upgrade.Compared = &c
	}
	if u.Error != nil {
		j.Upgrade.Error = httpapi.ProblemOf(u.Error)
	}
}

// describeRestart fills in what a job would do if it started anew, and what went
// wrong last.
func describeRestart(j *httpapi.JobStatus, s target.Status) {
	if s.Failure != nil {
		at := s.Failed
		j.LastFailure, j.FailedAt = httpapi.ProblemOf(s.Failure), &at
	}
	if s.Warning != nil {
		j.Warning = httpapi.ProblemOf(s.Warning)
	}
	r := s.Restart
	j.Restart = &httpapi.RestartPlan{Epoch: uint64(r.Epoch), AgeMillis: r.Age.Milliseconds(), Does: sentenceOfRestart(r), Savepoints: savepointsOf(r.Back)}
	if r.Replay >= 0 {
		replay := r.Replay
		j.Restart.Replay = &replay
	}
}

func sentenceOfRestart(r target.RestartPlan) string {
	if r.Epoch == 0 {
		return "begins at the beginning of its sources"
	}
	text := fmt.Sprintf("goes on from epoch %d, %v old", r.Epoch, r.Age.Round(time.Millisecond))
	switch {
	case r.Replay == 0:
		text += "; there is nothing to read behind it"
	case r.Replay > 0:
		text += fmt.Sprintf(", and reads the %d events behind it", r.Replay)
	}
	for _, s := range r.Back {
		if s.Fits {
			return text + fmt.Sprintf("; if that is damaged, from %s of epoch %d", s.Name, s.Epoch)
		}
	}
	return text
}
