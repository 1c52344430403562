"""What the commands of ``dev/`` are made of. Odoo never imports this."""
