package main

import (
	"context"
	"log/slog"
)

// quieter is a handler for the log of a node: what its library libp2p says is
// passed on only if it is an error. To people who fetch a file, most of its
// warnings tell of what every network has.
type quieter struct {
	slog.Handler
	least slog.Level
}

func newQuieter(log *slog.Logger) *slog.Logger {
	return slog.New(quieter{Handler: log.Handler(), least: slog.LevelDebug})
}

func (q quieter) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= q.least && q.Handler.Enabled(ctx, level)
}

// WithAttrs knows libp2p by the attribute that all its loggers have.
func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	least := q.least
	for _, a := range attrs {
		if a.Key == "logger" {
			least = slog.LevelError
		}
	}
	return quieter{Handler: q.Handler.WithAttrs(attrs), least: least}
}

func (q quieter) WithGroup(name string) slog.Handler {
	return quieter{Handler: q.Handler.WithGroup(name), least: q.least}
}
