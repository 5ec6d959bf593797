package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"tidemark/base/problem"
)

// database is a pool of connections, and patience.
type database struct {
	*sql.DB
	server  server
	retries int                                        // after the first try
	wait    func(context.Context, time.Duration) error // before a retry
}

func openDatabase(s settings, retries, connections int) (*database, error) {
	pool, err := s.server.dialect.open(s.server, s.timeout)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return &database{DB: pool, server: s.server, retries: retries, wait: sleep}, nil
}

// sleep waits for a while, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// try does something until it succeeds, fails for good, or has failed too often.
// Pauses in between grow, so that a database has time to start again.
func (d *database) try(ctx context.Context, attempt func() error) error {
	for retry := 1; ; retry++ {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !d.isTransient(err):
			return d.explain(err)
		case retry > d.retries:
			return problem.New(problem.NotFound, "%s does not answer: %v", d.server, err).
				WithHint("look whether it runs and can be reached; it was tried %d times", retry).Retryable()
		}
		if err := d.wait(ctx, min(time.Duration(retry)*pauseStep, pauseMax)); err != nil {
			return err
		}
	}
}

// isTransient reports whether an error may be gone the next time: the dialect
// knows what the database says, and everybody what networks do.
func (d *database) isTransient(err error) bool {
	if d.server.dialect.refused(err) != nil || d.server.dialect.isTransient(err) {
		return d.server.dialect.isTransient(err)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// explain makes a problem of what the database says.
func (d *database) explain(err error) error {
	var known *problem.Problem
	if errors.As(err, &known) {
		return err
	}
	if p := d.server.dialect.refused(err); p != nil {
		return p
	}
	return fmt.Errorf("ask %s: %w", d.server, err)
}
