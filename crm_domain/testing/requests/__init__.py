"""What may be asked, and by whom? Requests, rows and sequences of them, by hypothesis, by chance, or all of them."""
