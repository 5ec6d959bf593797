// Package console holds the two sinks that keep nothing: print shows rows,
// blackhole counts as a sink and shows nothing.
//
// Flow: Connectors → Sink → Apply prints each change of an epoch.
//
// Invariants:
//  1. Nothing is remembered: after a restart the last epoch may be printed again.
package console

import (
	"context"

	"tidemark/connect"
)

// Connectors are print and blackhole.
func Connectors() []connect.Connector {
	return []connect.Connector{
		{
			Name: "print", Doc: "shows every change as a line",
			Options: []connect.Option{
				{Name: "print-identifier", Doc: "text before each line"},
				{Name: "standard-error", Doc: "accepted for Flink's sake; lines go where the program prints", Values: []string{"true", "false"}},
				{Name: "sink.parallelism", Doc: "accepted for Flink's sake"},
			},
			Sink: func(r connect.Request) (connect.Sink, error) {
				return &printer{request: r, prefix: prefix(r.Options["print-identifier"])}, nil
			},
		},
		{
			Name: "blackhole", Doc: "swallows every change",
			Sink:    func(connect.Request) (connect.Sink, error) { return &printer{}, nil },
			Updates: func(connect.Request) connect.Updates { return connect.UpdatesAfter },
		},
	}
}

func prefix(identifier string) string {
	if identifier == "" {
		return ""
	}
	return identifier + "> "
}

// printer prints, or with no request swallows, what it is given.
type printer struct {
	request connect.Request
	prefix  string
	epoch   connect.Epoch
}

// Committed is the last epoch of this process.
func (p *printer) Committed(context.Context) (connect.Epoch, error) { return p.epoch, nil }

// Apply prints the changes in Flink's form: +I[1, a].
func (p *printer) Apply(_ context.Context, c connect.Commit) error {
	p.epoch = c.Epoch
	if p.request.Stdout == nil {
		return nil
	}
	var line []byte
	for _, b := range c.Batches {
		b.Each(func(i int) {
			line = append(append(line[:0], p.prefix...), b.Kind(i).String()...)
			line = append(line, '[')
			for n, v := range b.Row(i) {
				if n > 0 {
					line = append(line, ", "...)
				}
				line = v.AppendText(line, p.request.Zone)
			}
			p.request.Stdout(append(line, "]\n"...))
		})
	}
	return nil
}

// Close does nothing.
func (p *printer) Close() error { return nil }
