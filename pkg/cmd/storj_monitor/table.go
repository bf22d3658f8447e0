package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// writeTables prints frames for people: one table each, then its notices.
func writeTables(out io.Writer, frames data.Frames) error {
	for i, frame := range frames {
		if i > 0 {
			if _, err := fmt.Fprintln(out); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(out, tableOf(frame)); err != nil {
			return err
		}
		if frame.Meta == nil {
			continue
		}
		for _, notice := range frame.Meta.Notices {
			if _, err := fmt.Fprintf(out, "%s: %s\n", notice.Severity, strings.Map(printable, notice.Text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func tableOf(frame *data.Frame) string {
	if len(frame.Fields) == 0 {
		return strings.Map(printable, frame.Name) + ": no data"
	}
	headers := make([]string, len(frame.Fields))
	for i, field := range frame.Fields {
		headers[i] = strings.Map(printable, heading(field))
	}
	t := table.New().Border(lipgloss.NormalBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).Headers(headers...).
		StyleFunc(func(_, column int) lipgloss.Style {
			style := lipgloss.NewStyle().PaddingRight(2)
			if frame.Fields[column].Type().Numeric() {
				style = style.AlignHorizontal(lipgloss.Right)
			}
			return style
		})
	for row := range frame.Rows() {
		cells := make([]string, len(frame.Fields))
		for i, field := range frame.Fields {
			cells[i] = cell(field, row)
		}
		t.Row(cells...)
	}
	return t.String()
}

func heading(field *data.Field) string {
	if field.Config != nil && field.Config.DisplayNameFromDS != "" {
		return field.Config.DisplayNameFromDS
	}
	if len(field.Labels) > 0 {
		return field.Name + " " + field.Labels.String()
	}
	return field.Name
}

func cell(field *data.Field, row int) string {
	value, ok := field.ConcreteAt(row)
	if !ok {
		return "–"
	}
	switch value := value.(type) {
	case time.Time:
		return value.UTC().Format(time.RFC3339)
	case float64:
		decimals := -1
		if field.Config != nil && field.Config.Decimals != nil {
			decimals = int(*field.Config.Decimals)
		}
		return strconv.FormatFloat(value, 'f', decimals, 64)
	case bool:
		if value {
			return "yes"
		}
		return "no"
	}
	return strings.Map(printable, fmt.Sprint(value))
}

// printable keeps the words of a node, or of a Grafana, from steering the terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
		return ' '
	}
	return r
}
