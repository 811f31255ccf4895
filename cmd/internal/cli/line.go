package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// ReadLine asks for a line on in, and fails when ctx ends before it comes.
func ReadLine(ctx context.Context, in io.Reader, prompt io.Writer, question string) (string, error) {
	fmt.Fprintf(prompt, "%s: ", question)
	line := make(chan string, 1)
	go func() { // lasts as long as nobody types anything, as the process does
		text, _ := bufio.NewReader(in).ReadString('\n') // whatever came is the line
		line <- strings.TrimSpace(text)
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
