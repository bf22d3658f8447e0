package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// logTo writes the fleet's log to a file: the terminal shows the fleet.
func logTo(path string, debug bool) (log.Logger, func() error, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log file: %w", err)
	}
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return fileLog{slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), level}, f.Close, nil
}

// fileLog gives slog the shape that the SDK's packages ask of a logger.
type fileLog struct {
	*slog.Logger
	level slog.Level
}

func (l fileLog) With(arguments ...any) log.Logger {
	return fileLog{l.Logger.With(arguments...), l.level}
}

func (l fileLog) FromContext(context.Context) log.Logger { return l }

func (l fileLog) Level() log.Level {
	if l.level == slog.LevelDebug {
		return log.Debug
	}
	return log.Info
}
