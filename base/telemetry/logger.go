package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats: for people, and for programs.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// NewLogger writes lines of at least the given level to w, which is standard
// error in the program: standard output belongs to results.
func NewLogger(w io.Writer, format LogFormat, level slog.Level) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case LogText:
		return slog.New(slog.NewTextHandler(w, options)), nil
	case LogJSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: want %q or %q", format, LogText, LogJSON)
}
