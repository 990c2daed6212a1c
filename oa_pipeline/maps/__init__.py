"""Pictures and shapes: what is covered, previews of runs, tiles. Pure: no orchestration, no database, no cloud."""
