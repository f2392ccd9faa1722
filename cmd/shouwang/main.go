// Command shouwang watches the rural households of a province: it takes in the departments' files, screens every
// household by the policy pack and says who is at risk of falling into poverty, and why.
package main

import (
	"os"

	"shouwang/internal/cli"
)

func main() { os.Exit(cli.Main()) }
