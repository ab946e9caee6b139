"""What goes in: any news, or the generated world, as rows; and corpora prepared from them."""
