package results

import (
	"strings"
	"unicode/utf8"
)

// table is a text table. Cells are plain text; colour is put around them when they are printed, so that
// widths count characters.
type table struct {
	head []string
	// left columns hold names; the others are aligned to the right.
	left int
	rows [][]cell
}

type cell struct {
	text string
	tone tone
}

// tone is the meaning of a colour.
type tone string

const (
	plain tone = ""
	good  tone = "\x1b[32m"
	bad   tone = "\x1b[31m"
	doubt tone = "\x1b[33m"
	faint tone = "\x1b[2m"
	bold  tone = "\x1b[1m"
	reset      = "\x1b[0m"
)

// paint colours a text when colours are wanted.
func (t tone) paint(text string, colour bool) string {
	if !colour || t == plain || text == "" {
		return text
	}
	return string(t) + text + reset
}

const columnGap = 2

// lines lays the table out in at most width columns: where it is too wide, the longest names are cut.
func (t table) lines(width int, colour bool) []string {
	widths := make([]int, len(t.head))
	for c, h := range t.head {
		widths[c] = utf8.RuneCountInString(h)
		for _, row := range t.rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(row[c].text))
		}
	}
	t.shrink(widths, width)

	line := func(row []cell) string {
		var b strings.Builder
		for c, x := range row {
			text := clipped(x.text, widths[c])
			pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(text))
			if c > 0 {
				b.WriteString(strings.Repeat(" ", columnGap))
			}
			if c < t.left {
				b.WriteString(x.tone.paint(text, colour) + pad)
			} else {
				b.WriteString(pad + x.tone.paint(text, colour))
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	var head []cell
	for _, h := range t.head {
		head = append(head, cell{h, faint})
	}
	out := []string{line(head)}
	for _, row := range t.rows {
		out = append(out, line(row))
	}
	return out
}

// shortestName is what a name column keeps at least.
const shortestName = 8

func (t table) shrink(widths []int, width int) {
	total := (len(widths) - 1) * columnGap
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := -1
		for c := range t.left {
			if widths[c] > shortestName && (widest < 0 || widths[c] > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// clipped cuts a text to a number of characters, the last of which is then an ellipsis.
func clipped(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + "…"
}

// wrapped breaks a text at spaces into lines of at most width characters, the later ones indented.
func wrapped(text string, width, indent int) []string {
	var out []string
	line := text[:len(text)-len(strings.TrimLeft(text, " "))]
	empty := true // but for its indent
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, line)
			line = strings.Repeat(" ", indent) + word
			continue
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	return append(out, line)
}
